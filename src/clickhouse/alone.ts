import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "#context.ts";
import { withClient } from "#db/pool.ts";
import { LetheError } from "#lib/errors.ts";

/** "leth" in ASCII: with it and the store's name Lethe's own database locks a store that has no locks itself. */
const storesLock = 0x6c657468;

const pollMs = 100;

/**
 * Runs `work` while nobody else works on the store (I14): neither another runner nor somebody who looks at a plan. Does nothing when the run is
 * asked to stop first.
 */
export const aloneWith = async <T>(ctx: Context, store: string, work: () => Promise<T>): Promise<T | undefined> =>
  withClient(ctx.state.pool, async (client) => {
    while (!ctx.signal.aborted) {
      const { rows } = await client.query<{ locked: boolean }>(
        "select pg_try_advisory_lock($1, hashtext($2)) as locked",
        [storesLock, store],
      );
      if (rows[0]?.locked !== true) {
        await sleep(pollMs, undefined, { signal: ctx.signal }).catch(() => undefined);
        continue;
      }
      const result = await work();
      // A connection on which something failed is closed, which unlocks too.
      await client.query("select pg_advisory_unlock($1, hashtext($2))", [storesLock, store]);
      return result;
    }
    return undefined;
  });

/** The same, for whoever needs the result: throws `RUN_STOPPED` where it was asked to stop first. */
export const waitAlone = async <T>(ctx: Context, store: string, work: () => Promise<T>): Promise<T> => {
  const done = await aloneWith(ctx, store, async () => ({ result: await work() }));
  if (done !== undefined) return done.result;
  throw new LetheError("RUN_STOPPED", `stopped while waiting for store ${store}`, { hint: "ask again, or run again" });
};
