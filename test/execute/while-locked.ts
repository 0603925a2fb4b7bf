import { setTimeout as sleep } from "node:timers/promises";
import { withClient } from "#db/pool.ts";
import type { TestDatabase } from "#test/support/database.ts";

/** Lets `job` run into rows that somebody else is changing, who commits as soon as the job waits for them. */
export const whileLocked = (
  { pool, query }: TestDatabase,
  change: string,
  job: () => Promise<unknown>,
): Promise<void> =>
  withClient(pool, async (client) => {
    await client.query("begin");
    await client.query(change);
    const done = job();
    const waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while ((await query(waits)).length === 0) await sleep(20);
    await client.query("commit");
    await done;
  });
