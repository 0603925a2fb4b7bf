import { sql } from "kysely";
import type { Context, State } from "#context.ts";
import { heldFrom, purgedFrom, reaches, type Reach } from "#backups/reach.ts";
import { inState } from "#backups/state-transaction.ts";
import { faultPoint } from "#lib/fault.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";

/** Requests that change in one transaction: bounds memory and the time for which the ledger's head is locked. */
const perTransaction = 1_000;

/**
 * Makes `erased` requests `completed` when no backup is left that can hold their subject: in every store in which a request's
 * person was, each present set goes back to a moment after the erasure. Then destroys the suppression entries
 * that no backup needs any more (B5). Run it after `purgeBackups` in the same run: a repository that this run has not listed, or found
 * empty, is taken to hold everything (B8).
 *
 * Each transaction stands for itself; a crash between two of them leaves the rest to the next night.
 */
export const completeErased = async (ctx: Context, run: Run): Promise<{ completed: number }> => {
  const reach = await reaches(ctx.state.db, ctx.config, run.id);
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
          select from (${touched}) as place left join ${reachTable(reach)} using (store)
          where coalesce(reach.oldest, '-infinity') <= request.erased_at)
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

/**
 * The stores in which the person of a `request` was: where rows are on record for it; where its subject is known; and, once it is erased, where it has
 * an outcome, since of two requests for one person rows are on record for the first only.
 */
const touched = sql`select store from lethe.disposition where request_id = request.id
  union select store from lethe.subject where request_id = request.id
  union select store from lethe.outcome where request_id = request.id`;

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

/** How far a request is from its last backup, as of the latest inventories. */
export type Custody = {
  /** Sets that are present and may hold the subject. */
  readonly sets: number;
  /** ISO instant of the newest of them. */
  readonly newest: string | null;
  /** ISO date on which the last of them is past its retention; null when none is left. */
  readonly clearOn: string | null;
};

/** For `lethe request show`; of a request that is not erased yet, every present set may hold the subject. */
export const backupsHolding = async (
  { state, config }: { readonly state: Pick<State, "db">; readonly config: Context["config"] },
  requestRef: string,
): Promise<Custody> => {
  const { backups, controller } = config;
  const { rows } = await sql<{ sets: number; newest: string | null; clear: string | null }>`
    select count(*) as sets, max(held.taken_at) as newest,
      (max(${purgedFrom} + repository.keep_days * interval '24 hours')
        at time zone ${controller.timeZone})::date as clear
    from lethe.request
    join unnest(${backups.map(({ name }) => name)}::text[], ${backups.map(({ store }) => store)}::text[],
      ${backups.map(({ keepDays }) => keepDays)}::int[]) as repository (name, store, keep_days)
      on repository.store in (${touched})
    join lethe.backup_set held on held.repository = repository.name and held.state in ('listed', 'condemned')
      and (request.erased_at is null or ${heldFrom} <= request.erased_at)
    where request.ref = ${requestRef}`.execute(state.db);
  const [row] = rows;
  return { sets: row?.sets ?? 0, newest: row?.newest ?? null, clearOn: row?.clear ?? null };
};
