import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { urlOf, type TestDatabase } from "#test/support/database.ts";
import type { Project } from "#test/support/project.ts";

const onServer = async (work: (client: pg.Client) => Promise<unknown>): Promise<void> => {
  const client = new pg.Client({ connectionString: urlOf("postgres") });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
};

/** A copy of a database's files is made while nobody is connected; pools connect again by themselves. */
const copy = async (client: pg.Client, from: string, to: string): Promise<void> => {
  await client.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = any ($1)", [[from, to]]);
  await client.query(`drop database if exists ${to} with (force)`);
  await client.query(`create database ${to} template ${from} strategy file_copy`);
};

const copyOf = ({ name }: TestDatabase, label: string): string => `${name}_${label}`;

/** Copies a database as it is now: its backup. */
export const takeCopy = (database: TestDatabase, label = "copy"): Promise<void> =>
  onServer((client) => copy(client, database.name, copyOf(database, label)));

/** Puts the copy in place of the database: its restore. */
export const restoreCopy = (database: TestDatabase, label = "copy"): Promise<void> =>
  onServer((client) => copy(client, copyOf(database, label), database.name));

const reportsOf = ({ directory }: Project, label: string): string => join(directory, "reports", label);

/** Copies Lethe's own database with the reports that it knows. */
export const takeState = async (project: Project, label: string): Promise<void> => {
  await takeCopy(project.state, label);
  await cp(reportsOf(project, "out"), reportsOf(project, label), { recursive: true });
};

/** Puts both back, as if the nights since had never been. */
export const restoreState = async (project: Project, label: string): Promise<void> => {
  await restoreCopy(project.state, label);
  await rm(reportsOf(project, "out"), { recursive: true });
  await cp(reportsOf(project, label), reportsOf(project, "out"), { recursive: true });
};

export const dropCopy = (database: TestDatabase, label = "copy"): Promise<void> =>
  onServer((client) => client.query(`drop database if exists ${copyOf(database, label)} with (force)`));
