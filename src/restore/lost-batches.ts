import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";

/** A batch that had committed in a store, and that the store's journal knows no more. */
export type LostBatch = { readonly id: string; readonly committed: string };

/** Whether the store was restored to a time before the latest batch that committed in it: a restore takes the journal back as well. */
export const wentBack = async ({ state }: Pick<Context, "state">, store: Store): Promise<boolean> => {
  const latest = await sql<LostBatch>`select id, committed_at as committed from lethe.batch
    where store = ${store.name} and state = 'committed' order by committed_at desc, id limit 1`.execute(state.db);
  return (await missingFrom(store, latest.rows)).length > 0;
};

/** All of them, the oldest first. */
export const lostBatches = async ({ state }: Pick<Context, "state">, store: Store): Promise<readonly LostBatch[]> => {
  const committed = await sql<LostBatch>`select id, committed_at as committed from lethe.batch
    where store = ${store.name} and state = 'committed' order by committed_at, id`.execute(state.db);
  return missingFrom(store, committed.rows);
};

const missingFrom = async ({ pool }: Store, batches: readonly LostBatch[]): Promise<readonly LostBatch[]> => {
  if (batches.length === 0) return [];
  return withClient(pool, async (client) => {
    const db = kyselyOn(client);
    // A dump of the application's own schemas has no journal at all.
    const there = await sql<{ there: boolean }>`select to_regclass('lethe.journal_batch') is not null as there`.execute(
      db,
    );
    if (there.rows[0]?.there !== true) return batches;
    const ids = batches.map(({ id }) => id);
    const { rows } = await sql<{
      id: string;
    }>`select id::text from lethe.journal_batch where id = any (${ids}::uuid[])`.execute(db);
    const known = new Set(rows.map(({ id }) => id));
    return batches.filter(({ id }) => !known.has(id));
  });
};
