import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { wentBack } from "#restore/lost-batches.ts";

/**
 * Whether a store may serve: `current`: nothing that Lethe did in it is undone; `restored`: it was taken back, and who was erased is back in
 * it; `repeating`: what was undone is being repeated, and not all of it is done.
 */
export type Standing = "current" | "restored" | "repeating";

export type StoreStanding = {
  readonly store: string;
  readonly standing: Standing;
  /** The recovery target time, once it was told. */
  readonly asOf: string | null;
  /** Requests that repeat an erasure and are not at their end, and of those the ones that wait for a person. */
  readonly open: number;
  readonly waiting: number;
};

export type OpenRestore = {
  readonly id: number;
  readonly store: string;
  readonly asOf: string;
  /** Who was erased after it was brought back: the time that was told, or what the journal proves to be later. */
  readonly since: string;
  /** Everybody was looked for; what was found is being repeated. */
  readonly scanned: boolean;
  /** Nobody was looked for yet: the store is as it was restored. */
  readonly first: boolean;
  /** The store cannot tell to what time it was taken back: whoever was ever erased and is in it has come back. */
  readonly blank: boolean;
  /** Counts up when the store is restored once more meanwhile. */
  readonly notice: number;
};

/** Nothing that the journal still knows was undone. An hour less, since what was erased may be dated by the clock of another machine. */
const undoneSince = sql`greatest(as_of, case when not blank then undone_since - interval '1 hour' end)`;

/** The restores that are not released, one a store at most. */
export const openRestores = async ({ state }: Pick<Context, "state">): Promise<readonly OpenRestore[]> => {
  const { rows } =
    await sql<OpenRestore>`select id, store, as_of as "asOf", ${undoneSince} as since, scanned_at is not null as scanned, scans = 0 as first, blank, notice
    from lethe.restore where released_at is null order by id`.execute(state.db);
  return rows;
};

/** Requests that are at their end: nothing more is repeated for them. */
export const ended = sql`('erased', 'archived', 'completed', 'refused', 'withdrawn')`;

/** How a store stands. Throws `DATABASE_…` when it cannot be asked. */
export const standingOf = async (ctx: Context, store: Store): Promise<StoreStanding> => {
  const restore = (await openRestores(ctx)).find((each) => each.store === store.name);
  const again = await wentBack(ctx, store);
  const counted = await sql<{ open: number; waiting: number }>`select count(*) as open,
      count(*) filter (where state in ('verified', 'blocked', 'held', 'failed')) as waiting
    from lethe.request where restore_id = ${restore?.id ?? null} and state not in ${ended}`.execute(ctx.state.db);
  const { open, waiting } = counted.rows[0] ?? { open: 0, waiting: 0 };
  const repeating = restore?.scanned === true ? "repeating" : "restored";
  return {
    store: store.name,
    standing: again ? "restored" : restore === undefined ? "current" : repeating,
    asOf: restore?.asOf ?? null,
    open,
    waiting,
  };
};

/**
 * The stores in which people may be back who were erased: what is not released, what was taken back and nobody has said so yet, and what
 * cannot be asked.
 */
export const storesMaybeBack = async (ctx: Context): Promise<ReadonlySet<string>> => {
  const back = new Set((await openRestores(ctx)).map(({ store }) => store));
  for (const store of ctx.stores) {
    if (back.has(store.name) || (await wentBack(ctx, store).catch(() => true))) back.add(store.name);
  }
  return back;
};

/**
 * Stops work on a store that was taken back: what is planned would be planned on rows of people who were erased, and who is marked no more
 * would look like activated again.
 *
 * @throws LetheError `STORE_RESTORED`
 */
export const assertNotRestored = async (ctx: Context, store: Store): Promise<void> => {
  const unscanned = (await openRestores(ctx)).some((each) => each.store === store.name && !each.scanned);
  if (!unscanned && !(await wentBack(ctx, store))) return;
  throw new LetheError("STORE_RESTORED", `store ${store.name} was restored to a time before the latest erasure in it`, {
    hint: `run \`lethe backups replay --store ${store.name} --as-of TIME\` with the time that it was restored to, before it serves anybody`,
  });
};
