import { setTimeout as sleep } from "node:timers/promises";
import { startEmbedded, type EmbeddedServer } from "#db/embedded.ts";
import { closePool, openPool, withClient } from "#db/pool.ts";
import { embeddedDirectory } from "#open-context.ts";
import { LetheError } from "#lib/errors.ts";
import { databases } from "#demo/workspace.ts";

/**
 * Starts the demo's PostgreSQL with empty databases for the company and for Lethe. Throws `RUN_IN_PROGRESS` when another
 * demo is at work in the same directory; what a killed one left is removed.
 */
export const freshServer = async (directory: string): Promise<EmbeddedServer> => {
  const server = await startEmbedded(embeddedDirectory({ directory }));
  const pool = openPool({ url: server.url("postgres"), applicationName: "lethe demo", label: "demo" });
  const names = Object.values(databases);
  try {
    await withClient(pool, async (client) => {
      // The server needs a moment to notice that a client was killed.
      for (let patience = 20; ; patience -= 1) {
        const { rowCount } = await client.query("select from pg_stat_activity where datname = any ($1)", [names]);
        if (rowCount === 0) break;
        if (patience === 0) throw atWork();
        await sleep(150);
      }
      for (const name of names) await client.query(`drop database if exists ${name}`);
    });
    for (const name of names) await server.ensureDatabase(name);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  } finally {
    await closePool(pool);
  }
};

const atWork = (): LetheError =>
  new LetheError("RUN_IN_PROGRESS", "another program is connected to the databases of this demo", {
    hint: "wait for it to end, or name another directory with --directory",
  });
