import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import { closePool, openPool, type Pool } from "#db/pool.ts";
import { sha256Hex } from "#lib/canonical.ts";

export type TestDatabase = {
  readonly name: string;
  readonly url: string;
  readonly pool: Pool;
  /** Closes the pool and gives up the database, which is removed with others a little later, throwing out whoever is still connected. */
  readonly drop: () => Promise<void>;
  /** Runs SQL and returns the rows. */
  readonly query: <Row = Record<string, unknown>>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
};

export type DatabaseOptions = {
  /**
   * The SQL is run once into a template that every call with the same key and SQL copies: for a schema that many tests
   * of a file, or several files, begin with.
   */
  readonly template?: string;
  /** Makes the template instead of SQL. */
  readonly build?: (url: string) => Promise<void>;
};

/** URL of a database on the server of this test run. */
export const urlOf = (database: string): string => {
  const url = new URL(inject("databaseUrl"));
  url.pathname = `/${database}`;
  return url.href;
};

/** A fresh database with a random name in which `sqlText` has been run. */
export const createDatabase = async (sqlText = "", options: DatabaseOptions = {}): Promise<TestDatabase> => {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const template =
    options.template === undefined ? undefined : await templateFor(options.template, sqlText, options.build);
  // Copying files takes half as long as writing every page to the log as well.
  await onServer((client) =>
    client.query(`create database ${name}${template === undefined ? "" : ` template ${template}`} strategy file_copy`),
  );
  const url = urlOf(name);
  if (template === undefined) await fill(url, sqlText, options.build);
  const pool = openPool({ url, applicationName: "lethe test", label: "test" });
  return {
    name,
    url,
    pool,
    drop: async () => {
      await closePool(pool);
      await giveUp(name);
    },
    query: async <Row>(text: string, values: readonly unknown[] = []) =>
      (await pool.raw.query(text, [...values])).rows as Row[],
  };
};

const givenUp: string[] = [];

/** To drop a database, the server first writes down every other: once for many is a tenth of the time of a test less. */
const giveUp = async (name: string): Promise<void> => {
  givenUp.push(name);
  if (givenUp.length < 24) return;
  const names = givenUp.splice(0);
  await onServer(async (client) => {
    for (const each of names) await client.query(`drop database if exists ${each} with (force)`);
  });
};

const templateFor = async (key: string, sqlText: string, build: DatabaseOptions["build"]): Promise<string> => {
  const name = `template_${sha256Hex(`${key}\0${sqlText}`).slice(0, 16)}`;
  await onServer(async (client) => {
    const present = () => client.query("select from pg_database where datname = $1", [name]);
    if ((await present()).rowCount === 1) return;
    // Another worker may be at it, or another test of this file.
    await client.query("select pg_advisory_lock(hashtext($1))", [name]);
    if ((await present()).rowCount === 1) return;
    const draft = `${name}_draft`;
    await client.query(`drop database if exists ${draft} with (force)`);
    await client.query(`create database ${draft}`);
    await fill(urlOf(draft), sqlText, build);
    await client.query(`alter database ${draft} rename to ${name}`);
  });
  return name;
};

const fill = async (url: string, sqlText: string, build: DatabaseOptions["build"]): Promise<void> => {
  await build?.(url);
  if (sqlText !== "") await connected(url, (client) => client.query(sqlText));
};

let administration: pg.Pool | undefined;

/** Runs work on a connection that stays for the next: every test makes and drops databases. Its advisory locks go with the work. */
const onServer = async (work: (client: pg.ClientBase) => Promise<unknown>): Promise<void> => {
  if (administration === undefined) {
    administration = new pg.Pool({ connectionString: urlOf("postgres"), allowExitOnIdle: true });
    // The server may be gone before this process is.
    administration.on("error", () => undefined);
  }
  const client = await administration.connect();
  let failed = true;
  try {
    await work(client);
    await client.query("select pg_advisory_unlock_all()");
    failed = false;
  } finally {
    client.release(failed);
  }
};

const connected = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};
