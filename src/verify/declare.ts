import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { clearOn } from "#db/clear-on.ts";
import { forgetSubjects } from "#db/forget-subjects.ts";
import type { StateDb } from "#db/state-schema.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Done, LedgerEvent } from "#records/entry.ts";
import { outcomeIn, type Disposition, type Remedied, type StayingData } from "#records/treatment.ts";
import type { Run } from "#records/run.ts";
import { forgetArchived } from "#db/forget-archived.ts";
import { ready } from "#verify/settle.ts";
import { suppress } from "#verify/suppress.ts";

type Verified = {
  readonly id: number;
  readonly ref: string;
  readonly dispositions: readonly Disposition[] | null;
  readonly remedied: readonly Remedied[] | null;
  readonly stays: readonly StayingData[] | null;
  /** Of the request of the same person where rows were counted. */
  readonly same_dispositions: readonly Counted[] | null;
  readonly same_stays: readonly Pick<StayingData, "store" | "table">[] | null;
  /** In some store the subject's own row stays, marked: the row of two requests is on record for one of them only. */
  readonly marked: boolean;
};
type Counted = Pick<Disposition, "store" | "table" | "treatment" | "rows">;
type Finished = Pick<Verified, "id" | "ref"> & { readonly done: Done };

/**
 * Declares done what was searched for and not found, but for what the policy leaves on purpose, in chunks of one transaction each. With
 * `erased` go the identifiers: suppression entries (keyed hashes, B5) take their place until the last backup is gone (I8). Of a
 * subject whose own row is only marked, where it may be activated again, they stay.
 */
export const declareDone = async (ctx: Context, run: Run, chunk = 1_000): Promise<number> => {
  let total = 0;
  for (;;) {
    const count = await ctx.state.db.transaction().execute((tx) => declareChunk(ctx, run, tx, chunk));
    total += count;
    if (count === 0) break;
    faultPoint("after-verified-recorded");
  }
  return total;
};

const declareChunk = async (ctx: Context, run: Run, tx: Kysely<StateDb>, limit: number): Promise<number> => {
  // Those that failed in this run stay failed; those that failed before were searched for again and are clean now.
  const clean = await sql<Verified>`
    select r.id, r.ref, (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('store', d.store, 'table', d.table_name, 'treatment', d.treatment,
        'rows', d.rows, 'spared', d.spared, 'basis', d.basis,
        'until', case when d.until_first is not null then jsonb_build_object('first', d.until_first, 'last', d.until_last) end,
        'exception', d.exception, 'restricted', case when d.restricted then true end))
        order by d.store, d.table_name) from lethe.disposed d where d.request_id = r.id) as dispositions,
      (select jsonb_agg(jsonb_build_object('store', y.store, 'code', y.code, 'table', y.table_name, 'action', y.action, 'rows', y.rows)
        order by y.store, y.code) from lethe.remedy y where y.request_id = r.id) as remedied,
      (select jsonb_agg(jsonb_build_object('store', y.store, 'table', y.table_name, 'column', y.column_name, 'rows', y.rows,
        'why', y.why, 'until', y.until) order by y.store, y.table_name, y.column_name) from lethe.stay y where y.request_id = r.id) as stays,
      (select jsonb_agg(jsonb_build_object('store', d.store, 'table', d.table_name, 'treatment', d.treatment, 'rows', d.rows))
        from lethe.subject s join lethe.disposition d on d.request_id = s.same_as and d.store = s.store where s.request_id = r.id) as same_dispositions,
      (select jsonb_agg(jsonb_build_object('store', y.store, 'table', y.table_name))
        from lethe.subject s join lethe.stay y on y.request_id = s.same_as and y.store = s.store where s.request_id = r.id) as same_stays,
      exists (select from lethe.subject s
        where s.request_id = r.id and s.state = 'executed'
          and (s.mark is not null or s.store = any (${whereMarked(ctx)}::text[]))) as marked
    from lethe.request r
    where ${ready(ctx)} and not exists (select from lethe.residual x where x.run_id = ${run.id} and x.request_id = r.id)
    order by r.id limit ${limit} for update of r`.execute(tx);
  if (clean.rows.length === 0) return 0;
  const rows = clean.rows.map((row) => ({ id: row.id, ref: row.ref, marked: row.marked, done: doneOf(row) }));
  const archived = rows.filter(({ marked }) => marked);
  const erased = rows.filter(({ marked }) => !marked);
  await recordOutcomes(tx, run, rows);
  const events = [...(await erase(ctx, run, tx, erased)), ...(await archive(ctx, run, tx, archived))];
  await appendEntries(tx, events, { at: ctx.clock.now(), run: run.id });
  return clean.rows.length;
};

/** Stores whose policy leaves the subject's own row, marked, whether or not it can be activated again. */
const whereMarked = ({ stores }: Context): readonly string[] =>
  stores.filter(({ policy }) => policy.tables[policy.subject.table]?.treatment === "keep").map(({ name }) => name);

const erase = async (
  ctx: Context,
  run: Run,
  tx: Kysely<StateDb>,
  rows: readonly Finished[],
): Promise<readonly LedgerEvent[]> => {
  if (rows.length === 0) return [];
  const at = ctx.clock.now();
  const ids = rows.map(({ id }) => id);
  const clear = clearOn(ctx.config, at);
  await suppress(ctx, tx, ids, at);
  await sql`update lethe.request set state = 'erased', erased_at = ${at.toString()}, changed_at = ${at.toString()}, backups_clear_on = ${clear}::date,
    code = null, code_since = null, detail = null, run_id = ${run.id} where id = any (${ids}::bigint[])`.execute(tx);
  await forgetSubjects(tx, ids);
  return rows.map((row) => ({ kind: "request.erased", request: row.ref, clear, ...row.done }));
};

const archive = async (
  ctx: Context,
  run: Run,
  tx: Kysely<StateDb>,
  rows: readonly Finished[],
): Promise<readonly LedgerEvent[]> => {
  if (rows.length === 0) return [];
  const at = ctx.clock.now();
  const ids = rows.map(({ id }) => id);
  await suppress(ctx, tx, ids, at);
  await sql`update lethe.request set state = 'archived', changed_at = ${at.toString()}, code = null, code_since = null, detail = null,
    run_id = ${run.id} where id = any (${ids}::bigint[])`.execute(tx);
  await forgetArchived(tx, ids);
  return rows.map((row) => ({ kind: "request.archived", request: row.ref, ...row.done }));
};

const doneOf = (row: Verified): Done => ({
  outcomes: outcomesOf(
    [...(row.dispositions ?? []), ...(row.same_dispositions ?? [])],
    [...(row.stays ?? []), ...(row.same_stays ?? [])],
  ),
  dispositions: row.dispositions ?? [],
  remedied: row.remedied ?? [],
  stays: row.stays ?? [],
});

const outcomesOf = (
  dispositions: readonly Counted[],
  stays: readonly Pick<StayingData, "store" | "table">[],
): Done["outcomes"] => {
  const stores = [...new Set([...dispositions, ...stays].map(({ store }) => store))].toSorted();
  const inStore = <T extends { readonly store: string }>(rows: readonly T[], store: string): readonly T[] =>
    rows.filter((row) => row.store === store);
  return Object.fromEntries(
    stores.map((store) => [store, outcomeIn(inStore(dispositions, store), inStore(stays, store))]),
  );
};

const recordOutcomes = async (tx: Kysely<StateDb>, run: Run, rows: readonly Finished[]): Promise<void> => {
  const outcomes = rows.flatMap(({ id, done }) =>
    Object.entries(done.outcomes).map(([store, outcome]) => ({ request: id, store, outcome })),
  );
  await sql`insert into lethe.outcome (request_id, store, outcome, run_id) select request, store, outcome, ${run.id}
    from jsonb_to_recordset(${JSON.stringify(outcomes)}::jsonb) as x (request bigint, store text, outcome text)`.execute(
    tx,
  );
};
