import { sql } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context, Store } from "#context.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Run } from "#records/run.ts";
import { lostBatches, type LostBatch } from "#restore/lost-batches.ts";
import { openRestores, type OpenRestore } from "#restore/standing.ts";

/**
 * What a restore of a store to `asOf` undid, before anything changes. A restore that is open already goes on.
 *
 * @throws LetheError `STORE_NOT_RESTORED` for a store that misses nothing (the live one, by mistake); `RESTORE_TIME` when the store cannot be of
 * that time; `RESTORE_UNKNOWN` when it is no longer, or never was, known who has to be recognised.
 */
export const undoneBy = async (ctx: Context, store: Store, asOf: Temporal.Instant): Promise<readonly LostBatch[]> => {
  const lost = await lostBatches(ctx, store);
  const open = (await openRestores(ctx)).find((each) => each.store === store.name);
  if (lost.length === 0 && open === undefined) throw notRestored(store);
  if (Temporal.Instant.compare(asOf, ctx.clock.now()) > 0) {
    throw refusedTime(store, "is in the future", "give the time that the store was restored to");
  }
  const [first] = lost;
  if (first !== undefined && Temporal.Instant.compare(asOf, Temporal.Instant.from(first.committed)) >= 0) {
    const hint = `the store is of a time before ${first.committed}: give the time that it was restored to`;
    throw refusedTime(store, "is after a batch that the store does not know", hint);
  }
  await requireKnown(ctx, store, asOf);
  return lost;
};

const notRestored = (store: Store): LetheError =>
  new LetheError("STORE_NOT_RESTORED", `store ${store.name} misses nothing that was done in it`, {
    hint: "it is the live store, or was restored to a time after the latest erasure: nothing has to be repeated; is it the store that you mean?",
  });

const refusedTime = (store: Store, what: string, hint: string): LetheError =>
  new LetheError("RESTORE_TIME", `the time for store ${store.name} ${what}`, { hint });

/** Fails closed: a release says that everybody was recognised. */
const requireKnown = async (ctx: Context, store: Store, asOf: Temporal.Instant): Promise<void> => {
  const refused = (what: string, hint: string): LetheError =>
    new LetheError("RESTORE_UNKNOWN", `who was erased from store ${store.name} since ${asOf.toString()} ${what}`, {
      hint,
    });
  if (!ctx.config.backups.some((backup) => backup.store === store.name)) {
    throw refused(
      "is not known",
      "name the store's backups in the configuration: only then is kept by what people are recognised",
    );
  }
  const forgotten = await sql<{ until: string }>`select erased_at as until from lethe.forgotten
    where store = ${store.name} and erased_at > ${asOf.toString()}`.execute(ctx.state.db);
  const [gone] = forgotten.rows;
  if (gone !== undefined) {
    throw refused(
      `is not known any more for erasures up to ${gone.until}`,
      "no backup that Lethe knew went back that far when this was forgotten: restore a later backup",
    );
  }
  const without = await sql<{ never: number; otherwise: number }>`select
      (select count(*) from lethe.request where erased_at > ${asOf.toString()} and backups_clear_on is null) as never,
      (select count(*) from lethe.suppression where store = ${store.name} and erased_at > ${asOf.toString()}
        and key_id <> ${ctx.keys.pseudonymId}) as otherwise`.execute(ctx.state.db);
  const { never, otherwise } = without.rows[0] ?? { never: 0, otherwise: 0 };
  if (never > 0) {
    throw refused(
      "is not known of every request",
      "some were erased while the configuration named no backups: find these people by hand",
    );
  }
  if (otherwise > 0) throw refused("was kept with another key", "put the pseudonym key back that was in use then");
};

/**
 * Puts the restore on record, with the batches that it undid. One that is open already takes in what was undone since, and the earlier of the
 * two times; everybody is looked for again.
 */
export const noticeRestore = async (
  ctx: Context,
  run: Run,
  store: Store,
  asOf: Temporal.Instant,
): Promise<OpenRestore> => {
  const lost = await undoneBy(ctx, store, asOf);
  const at = ctx.clock.now();
  await ctx.state.db.transaction().execute(async (tx) => {
    const open = await sql<{ id: number }>`update lethe.restore set as_of = least(as_of, ${asOf.toString()}),
        batches = batches + ${lost.length}, scanned_at = null,
        scans = case when ${lost.length} > 0 then 0 else scans end
      where store = ${store.name} and released_at is null returning id`.execute(tx);
    if (open.rows.length === 0) {
      await sql`insert into lethe.restore (store, as_of, noticed_at, batches)
        values (${store.name}, ${asOf.toString()}, ${at.toString()}, ${lost.length})`.execute(tx);
    }
    await sql`update lethe.batch set state = 'lost' where id = any (${lost.map(({ id }) => id)}::uuid[])`.execute(tx);
    if (lost.length === 0 && open.rows.length > 0) return;
    const event = { kind: "store.restored", store: store.name, asOf: asOf.toString(), batches: lost.length } as const;
    await appendEntries(tx, [event], { at, run: run.id });
  });
  faultPoint("after-restore-noticed");
  const open = (await openRestores(ctx)).find((each) => each.store === store.name);
  if (open === undefined) throw new TypeError("the restore was just put on record");
  return open;
};
