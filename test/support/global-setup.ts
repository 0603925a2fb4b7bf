import { readFileSync, rmSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { startEmbedded } from "#db/embedded.ts";
import { makeRunDirectory } from "#test/support/run-directory.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** URL of the database `postgres` on the server that all test files share. */
    databaseUrl: string;
  }
}

/** A process that a test killed may still be writing what it has compiled. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const;

/** One PostgreSQL for the whole test run, in a fresh directory that is removed at the end. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const directory = await makeRunDirectory();
  // What tests make in the temporary directory goes with the run's own, also when they are killed.
  process.env["TMPDIR"] = join(directory, "tmp");
  const server = await startEmbedded(directory, { fsync: false });
  await quickenPasswords(server.url("postgres"));
  project.provide("databaseUrl", server.url("postgres"));
  // Hundreds of processes load the same program: each but the first few finds it compiled.
  process.env["NODE_COMPILE_CACHE"] = join(directory, "compiled");
  // A run that dies without its teardown (its output went to a pipe that closed) must not leave a server behind.
  const pid = Number(readFileSync(join(directory, "postgres/postmaster.pid"), "utf8").split("\n")[0]);
  const clear = (): void => {
    signal(pid, "SIGQUIT");
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let tries = 0; tries < 100 && signal(pid, 0); tries += 1) Atomics.wait(pause, 0, 0, 20);
    rmSync(directory, removal);
  };
  process.once("exit", clear);
  return async () => {
    process.off("exit", clear);
    await server.stop();
    await rm(directory, removal);
  };
};

/**
 * Thousands of connections are opened: both sides would hash the password 4,096 times for each, and exchange proofs of it. Over
 * 127.0.0.1 the password itself does.
 */
const quickenPasswords = async (url: string): Promise<void> => {
  const { username, password } = new URL(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("set scram_iterations = 1");
  await client.query(`alter role ${pg.escapeIdentifier(username)} password ${pg.escapeLiteral(password)}`);
  const { rows } = await client.query<{ hba_file: string }>("show hba_file");
  const rules = rows[0]?.hba_file ?? "";
  await writeFile(rules, (await readFile(rules, "utf8")).replaceAll("scram-sha-256", "password"));
  await client.query("select pg_reload_conf()");
  await client.end();
};

const signal = (pid: number, name: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
};
