import { sql } from "kysely";
import type { Context } from "#context.ts";
import { reaches, type Reach } from "#backups/reach.ts";
import { inState } from "#backups/state-transaction.ts";
import { goneFrom } from "#db/backup-sets.ts";
import { touchedStores } from "#db/touched-stores.ts";
import { faultPoint } from "#lib/fault.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";
import { storesMaybeBack } from "#restore/standing.ts";

/** Requests that change in one transaction: bounds memory and the time for which the ledger's head is locked. */
const perTransaction = 1_000;

/**
 * Makes `erased` requests `completed` when no backup is left that can hold their subject: in every store in which a request's
 * person was, each present set goes back to a moment after the erasure, or after the release of the last restore that had undone it. Then
 * destroys the suppression entries that no backup needs any more (B5). Run it after `purgeBackups` in the same run: a repository
 * that this run has not listed, or found empty, is taken to hold everything (B8), and so is a store that may have been restored.
 *
 * Each transaction stands for itself; a crash between two of them leaves the rest to the next night.
 */
export const completeErased = async (ctx: Context, run: Run): Promise<{ completed: number }> => {
  const back = await storesMaybeBack(ctx);
  const listed = await reaches(ctx.state.db, ctx.config, run.id);
  const reach = listed.map((each) => (back.has(each.store) ? { ...each, oldest: "-infinity" } : each));
  let completed = 0;
  while (!ctx.signal.aborted) {
    const count = await completeSome(ctx, run, reach);
    completed += count;
    if (count < perTransaction) break;
  }
  faultPoint("before-suppression-destroyed");
  for (const store of reach) await destroySuppression(ctx, run, store);
  return { completed };
};

const completeSome = (ctx: Context, run: Run, reach: readonly Reach[]): Promise<number> =>
  inState(ctx.state, async (tx) => {
    const meta = { at: ctx.clock.now(), run: run.id };
    const at = meta.at.toString();
    const { rows } = await sql<{ ref: string }>`update lethe.request
      set state = 'completed', completed_at = ${at}, changed_at = ${at}, run_id = ${run.id}
      where id in (
        select request.id from lethe.request
        where request.state = 'erased'
          and not exists (select from lethe.task where task.request_id = request.id and task.state = 'open')
          and not exists (
          select from (${touchedStores}) as place left join ${reachTable(reach)} using (store)
          where coalesce(reach.oldest, '-infinity') <= ${goneFrom(sql`place.store`)})
        order by request.id limit ${perTransaction} for update of request skip locked)
      returning ref`.execute(tx);
    const events = rows.map(({ ref }): LedgerEvent => ({ kind: "request.completed", request: ref }));
    await appendEntries(
      tx,
      events.toSorted((a, b) => (refOf(a) < refOf(b) ? -1 : 1)),
      meta,
    );
    return rows.length;
  });

const refOf = (event: LedgerEvent): string => ("request" in event ? event.request : "");

const destroySuppression = (ctx: Context, run: Run, { store, oldest }: Reach): Promise<void> =>
  inState(ctx.state, async (tx) => {
    const { rows } = await sql<{ entries: number }>`with gone as (delete from lethe.suppression
        where store = ${store} and erased_at < ${oldest}::timestamptz returning erased_at),
      latest as (insert into lethe.forgotten (store, erased_at) select ${store}, max(erased_at) from gone having count(*) > 0
        on conflict (store) do update set erased_at = greatest(lethe.forgotten.erased_at, excluded.erased_at))
      select count(*) as entries from gone`.execute(tx);
    const entries = rows[0]?.entries ?? 0;
    const meta = { at: ctx.clock.now(), run: run.id };
    if (entries > 0) await appendEntries(tx, [{ kind: "suppression.destroyed", store, entries }], meta);
  });

const reachTable = (reach: readonly Reach[]) =>
  sql`unnest(${reach.map(({ store }) => store)}::text[], ${reach.map(({ oldest }) => oldest)}::timestamptz[]) as reach (store, oldest)`;
