import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { startEmbedded, type EmbeddedServer } from "#db/embedded.ts";
import { embeddedDirectory } from "#open-context.ts";
import { LetheError } from "#lib/errors.ts";
import { databases } from "#demo/workspace.ts";

export type DemoServer = AsyncDisposable & {
  /** Sets the company's database aside as it is; nobody may be connected to it. */
  readonly setAside: () => Promise<void>;
  /** Makes Lethe's database anew, and the company's as it was when it was set aside. */
  readonly renew: () => Promise<void>;
};

/** Number of the advisory lock that a demo holds while it lives in its directory: "demo" in ASCII. */
const demoLock = 0x64656d6f;

/** The company before anybody was forgotten, from which several nights begin. */
const original = "demo_shop_original";

/**
 * Starts the demo's PostgreSQL with empty databases for the company and for Lethe. Throws `RUN_IN_PROGRESS`, with nothing
 * changed, when another demo is at work in the same directory; what a killed one left is removed.
 */
export const freshServer = async (directory: string): Promise<DemoServer> => {
  const server = await startEmbedded(embeddedDirectory({ directory }));
  const client = new pg.Client({ connectionString: server.url("postgres"), application_name: "lethe demo" });
  client.on("error", () => undefined);
  const close = async (): Promise<void> => {
    // Whoever looks around afterwards finds nobody who was forgotten.
    await client.query(`drop database if exists ${original}`).catch(() => undefined);
    await client.end();
    await server.stop();
  };
  try {
    // The connection holds the lock until the demo ends, however it ends.
    await client.connect();
    await emptyDatabases(server, client);
  } catch (error) {
    await client.end();
    await server.stop();
    throw error;
  }
  return {
    setAside: async () => {
      await untilFree(client);
      await client.query(`alter database ${databases.store} rename to ${original}`);
    },
    renew: async () => {
      await untilFree(client);
      for (const name of Object.values(databases)) await client.query(`drop database if exists ${name}`);
      await server.ensureDatabase(databases.state);
      await client.query(`create database ${databases.store} template ${original}`);
    },
    [Symbol.asyncDispose]: close,
  };
};

const emptyDatabases = async (server: EmbeddedServer, client: pg.Client): Promise<void> => {
  await untilFree(client);
  for (const name of Object.values(databases)) {
    await client.query(`drop database if exists ${name}`);
    await server.ensureDatabase(name);
  }
  await client.query(`drop database if exists ${original}`);
};

/** The server needs a moment to notice that clients are gone: ours, or those of a killed demo. */
const untilFree = async (client: pg.Client): Promise<void> => {
  for (let patience = 20; !(await isFree(client)); patience -= 1) {
    if (patience === 0) throw atWork();
    await sleep(150);
  }
};

const isFree = async (client: pg.Client): Promise<boolean> => {
  const { rows } = await client.query<{ free: boolean }>(
    `select pg_try_advisory_lock($1)
        and not exists (select from pg_stat_activity where datname = any ($2) and backend_type = 'client backend') as free`,
    [demoLock, [...Object.values(databases), original]],
  );
  return rows[0]?.free === true;
};

const atWork = (): LetheError =>
  new LetheError("RUN_IN_PROGRESS", "another program is connected to the databases of this demo", {
    hint: "wait for it to end, or name another directory with --directory",
  });
