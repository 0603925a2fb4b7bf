import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";

/** A batch that had committed in a store, and that the store's journal knows no more. */
export type LostBatch = { readonly id: string; readonly committed: string };

/**
 * What a store's journal misses of what Lethe has put into it. `marker`: when the marker of an earlier restore was written that is missing; null
 * when it is there, or there never was one. `blank`: the journal knows nothing at all, as after a dump of the application's own schemas.
 */
export type Gap = { readonly batches: readonly LostBatch[]; readonly marker: string | null; readonly blank: boolean };

type Marker = { readonly id: string; readonly written: string };
type Parts = Pick<Context, "state">;

/** Whether the store was restored to a time before the latest that Lethe has put into it: a restore takes the journal back as well. */
export const wentBack = async (ctx: Parts, store: Store): Promise<boolean> => {
  const { batches, marker } = await gapIn(ctx, store, sql`limit 1`);
  return batches.length > 0 || marker !== null;
};

/** All of it, the oldest batch first. */
export const gapOf = async (ctx: Parts, store: Store): Promise<Gap> => {
  const gap = await gapIn(ctx, store, sql``);
  return { ...gap, batches: gap.batches.toReversed() };
};

const gapIn = async ({ state }: Parts, store: Store, limit: ReturnType<typeof sql>): Promise<Gap> => {
  const markers =
    await sql<Marker>`select id, written_at as written from lethe.store_marker where store = ${store.name}`.execute(
      state.db,
    );
  const [marker] = markers.rows;
  const { there, known, blank } = await readJournal(store, marker);
  // What was done before a marker that is there needs no other proof.
  const since = there ? marker?.written : undefined;
  const committed = await sql<LostBatch>`select id, committed_at as committed from lethe.batch
    where store = ${store.name} and state = 'committed' and committed_at > coalesce(${since ?? null}::timestamptz, '-infinity')
    order by committed_at desc, id ${limit}`.execute(state.db);
  const batches = committed.rows.length === 0 ? [] : await known(committed.rows);
  return { batches, marker: marker === undefined || there ? null : marker.written, blank };
};

type JournalReader = {
  readonly there: boolean;
  /** Those of the batches that it does not know. */
  readonly known: (batches: readonly LostBatch[]) => Promise<readonly LostBatch[]>;
  readonly blank: boolean;
};

const readJournal = (store: Store, marker: Marker | undefined): Promise<JournalReader> =>
  withClient(store.pool, async (client) => {
    const db = kyselyOn(client);
    const found = await sql<{
      there: boolean;
    }>`select to_regclass('lethe.journal_marker') is not null as there`.execute(db);
    if (found.rows[0]?.there !== true)
      return { there: false, known: (batches) => Promise.resolve(batches), blank: true };
    const facts = await sql<{ there: boolean; blank: boolean }>`select
      exists (select from lethe.journal_marker where id = ${marker?.id ?? null}::uuid) as there,
      not exists (select from lethe.journal_batch) and not exists (select from lethe.journal_marker) as blank`.execute(
      db,
    );
    const [fact] = facts.rows;
    return {
      there: fact?.there === true,
      blank: fact?.blank === true,
      known: (batches) => missingFrom(store, batches),
    };
  });

const missingFrom = ({ pool }: Store, batches: readonly LostBatch[]): Promise<readonly LostBatch[]> =>
  withClient(pool, async (client) => {
    const ids = batches.map(({ id }) => id);
    const { rows } = await sql<{
      id: string;
    }>`select id::text from lethe.journal_batch where id = any (${ids}::uuid[])`.execute(kyselyOn(client));
    const present = new Set(rows.map(({ id }) => id));
    return batches.filter(({ id }) => !present.has(id));
  });

/** What a store's journal has: its batches, by their ids, and since when it tells; null when it does not at all. */
export type Recorded = { readonly batches: readonly string[]; readonly since: string | null };

export const recordedIn = ({ pool }: Store): Promise<Recorded> =>
  withClient(pool, async (client) => {
    const db = kyselyOn(client);
    const batches = await sql<{ id: string }>`select id::text from lethe.journal_batch`.execute(db);
    const began = await sql<{ since: string | null }>`select least(
      (select min(committed_at) from lethe.journal_batch), (select min(written_at) from lethe.journal_marker)) as since`.execute(
      db,
    );
    return { batches: batches.rows.map(({ id }) => id), since: began.rows[0]?.since ?? null };
  });
