import { sql, type Kysely } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context, Store } from "#context.ts";
import { forgetRecord } from "#db/forget-subjects.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";
import { gapOf, type Gap } from "#restore/lost-batches.ts";
import { openRestores, type OpenRestore } from "#restore/standing.ts";

/**
 * What somebody says of a restore: the time that a store was restored to. `part`: only some of its tables were, so that its journal says nothing
 * about it.
 */
export type Told = { readonly asOf: Temporal.Instant; readonly part?: boolean };

/**
 * What a restore of a store to `asOf` undid, before anything changes. A restore that is open already goes on.
 *
 * @throws LetheError `STORE_RECOVERING` while its server is not at the end of the recovery; `STORE_NOT_RESTORED` for a store that misses nothing (the live one, by mistake); `RESTORE_TIME` when the store cannot be of
 * that time; `RESTORE_UNKNOWN` when it is no longer, or never was, known who has to be recognised.
 */
export const undoneBy = async (ctx: Context, store: Store, { asOf, part = false }: Told): Promise<Undone> => {
  await assertRecovered(store);
  const gap = await gapOf(ctx, store);
  const { batches, marker } = gap;
  const open = (await openRestores(ctx)).find((each) => each.store === store.name);
  const anything = part || batches.length > 0 || marker !== null;
  const blank = part || gap.blank;
  if (!anything && open === undefined) throw notRestored(store);
  if (Temporal.Instant.compare(asOf, ctx.clock.now()) > 0) {
    throw refusedTime(store, "is in the future", "give the time that the store was restored to");
  }
  await requireKnown(ctx, store, asOf);
  // A journal that knows nothing at all, or nothing of it, cannot tell to what time the store was taken back.
  if (blank) return { batches, anything, blank, first: null };
  const first = [batches[0]?.committed, marker].filter((at) => at != null).toSorted()[0] ?? null;
  if (first !== null && Temporal.Instant.compare(asOf, Temporal.Instant.from(first)) >= 0) {
    const hint = `the store is of a time before ${first}: give the time that it was restored to, or an earlier one, by which nobody is left out`;
    throw refusedTime(store, "is after something that the store does not know", hint);
  }
  return { batches, anything, blank, first };
};

/**
 * `anything`: something was undone since the store was last looked through, if no batch then the marker of that. `first`: when the first of it was
 * done, where the journal tells.
 */
type Undone = Pick<Gap, "batches" | "blank"> & { readonly anything: boolean; readonly first: string | null };

/** A server that waits at its recovery target may still be taken further: what it misses now says nothing. */
const assertRecovered = ({ name, pool }: Store): Promise<void> =>
  withClient(pool, async (client) => {
    const { rows } = await sql<{ recovers: boolean }>`select pg_is_in_recovery() as recovers`.execute(kyselyOn(client));
    if (rows[0]?.recovers !== true) return;
    throw new LetheError("STORE_RECOVERING", `the server of store ${name} is still recovering, or is a replica`, {
      hint: "let it end its recovery (`select pg_wal_replay_resume()` where it waits at its target), and run this again before anybody is served",
    });
  });

const notRestored = (store: Store): LetheError =>
  new LetheError("STORE_NOT_RESTORED", `store ${store.name} misses nothing that was done in it`, {
    hint: "it is the live store, or was restored to a time after the latest erasure: nothing has to be repeated; if only some of its tables were restored, add `--part`",
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
  const without = await sql<{ before: boolean; otherwise: number }>`select
      exists (select from lethe.batch where store = ${store.name} and committed_at > ${asOf.toString()}
        and committed_at < coalesce((select since from lethe.remembered where store = ${store.name}), 'infinity')) as before,
      (select count(*) from lethe.suppression where store = ${store.name} and erased_at > ${asOf.toString()}
        and key_id <> ${ctx.keys.pseudonymId}) as otherwise`.execute(ctx.state.db);
  const { before, otherwise } = without.rows[0] ?? { before: true, otherwise: 0 };
  if (before) {
    throw refused(
      "is not known of everybody",
      "some were erased before the configuration named the store's backups: find these people by hand",
    );
  }
  if (otherwise > 0) throw refused("was kept with another key", "put the pseudonym key back that was in use then");
};

/**
 * Puts the restore on record, with the batches that it undid. One that is open already takes in what was undone since, and the earlier of the
 * two times; everybody is looked for again.
 */
export const noticeRestore = async (ctx: Context, run: Run, store: Store, told: Told): Promise<OpenRestore> => {
  const { asOf } = told;
  const { batches, anything, blank, first } = await undoneBy(ctx, store, told);
  const at = ctx.clock.now();
  await ctx.state.db.transaction().execute(async (tx) => {
    const open = await sql<{ id: number }>`update lethe.restore set as_of = least(as_of, ${asOf.toString()}),
        batches = batches + ${batches.length}, scanned_at = null, notice = notice + ${anything ? 1 : 0},
        blank = blank or ${anything && blank}, undone_since = least(undone_since, ${first}::timestamptz), scans = case when ${anything} then 0 else scans end
      where store = ${store.name} and released_at is null returning id`.execute(tx);
    if (open.rows.length === 0) {
      await sql`insert into lethe.restore (store, as_of, noticed_at, batches, blank, undone_since)
        values (${store.name}, ${asOf.toString()}, ${at.toString()}, ${batches.length}, ${blank}, ${first})`.execute(
        tx,
      );
    }
    await sql`update lethe.batch set state = 'lost' where id = any (${batches.map(({ id }) => id)}::uuid[])`.execute(
      tx,
    );
    const undone = await undoRepeats(tx, open.rows[0]?.id ?? null, at.toString());
    if (!anything) return;
    // Lost with the rest, and on record with this restore: a second look must not take it for another one.
    await sql`delete from lethe.store_marker where store = ${store.name}`.execute(tx);
    const event = {
      kind: "store.restored",
      store: store.name,
      asOf: asOf.toString(),
      batches: batches.length,
    } as const;
    await appendEntries(tx, [event, ...undone], { at, run: run.id });
  });
  faultPoint("after-restore-noticed");
  const open = (await openRestores(ctx)).find((each) => each.store === store.name);
  if (open === undefined) throw new TypeError("the restore was just put on record");
  return open;
};

/** What a second restore has undone of the repeats themselves begins anew. */
const undoRepeats = async (
  tx: Kysely<StateDb>,
  restore: number | null,
  at: string,
): Promise<readonly LedgerEvent[]> => {
  const undone = await sql<{
    id: number;
    ref: string;
  }>`update lethe.request r set state = 'approved', code = null, code_since = null,
      detail = null, changed_at = ${at}
    where r.restore_id = ${restore} and r.state in ('erasing', 'failed', 'blocked') and exists (select from lethe.subject s
      join lethe.batch b on b.id = s.batch_id where s.request_id = r.id and s.state = 'executed' and b.state = 'lost')
    returning r.id, r.ref`.execute(tx);
  await forgetRecord(
    tx,
    undone.rows.map(({ id }) => id),
  );
  return undone.rows.map(({ ref }) => ({ kind: "request.undone", request: ref }));
};
