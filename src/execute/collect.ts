import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";
import { dispositionsOf, staysOf } from "#execute/dispositions.ts";
import { forgetJournalled, readJournal, type Journal, type TaskRow } from "#execute/journal.ts";
import { settleSamePerson } from "#execute/same-person.ts";
import { scheduleRequests } from "#execute/schedule.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LateTreatment } from "#records/anonymity.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { isPart, type PlannedDeletion, type SavedMark, type Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";

/**
 * Reads the store's journal of a batch back and records it: dispositions, totals, progress. The same code runs after a commit and
 * after a crash, and a second time it changes nothing. Returns false when the journal does not know the batch: it never committed.
 */
export const collectBatch = async (ctx: Context, run: Run, store: Store, id: string): Promise<boolean> => {
  const journal = await withClient(store.pool, (client) => readJournal(kyselyOn(client), id));
  if (journal === undefined) return false;
  await recordBatch(ctx, run, store, id, journal);
  if (journal.tasks.length + journal.totals.length > 0)
    await withClient(store.pool, (client) => forgetJournalled(kyselyOn(client), id));
  return true;
};

type Named = Pick<Store, "name" | "policy">;

/** Records what a store says of a batch; a second time it changes nothing. */
export const recordBatch = async (
  ctx: Context,
  run: Run,
  store: Named,
  id: string,
  journal: Journal,
): Promise<void> => {
  const at = ctx.clock.now();
  const forgotten = await ctx.state.db.transaction().execute(async (tx): Promise<boolean> => {
    const known = await sql<{ state: string }>`select state from lethe.batch where id = ${id} for update`.execute(tx);
    const state = known.rows[0]?.state;
    if (state !== "frozen" && state !== "abandoned") return false;
    // Given up too early, by somebody who could not see that it was about to commit: the journal is what counts.
    if (state === "abandoned") await claimAgain(tx, store.name, id, journal.refs);
    await sql`update lethe.batch set state = 'committed', committed_at = ${journal.committed_at} where id = ${id}`.execute(
      tx,
    );
    const rows = journal.steps.reduce((sum, step) => sum + step.rows, 0);
    const { plan, requests } = journal;
    const events: LedgerEvent[] = [{ kind: "batch.committed", batch: id, plan, store: store.name, requests, rows }];
    const { mode, mark } = await deletionIn(tx, plan);
    // The first part of a deletion in two parts is done: from here on the time of grace runs.
    if (journal.stage === "soft")
      events.push(...(await scheduleRequests(ctx, tx, run, store, { refs: journal.refs, mark })));
    else {
      events.push(...(await record(tx, run, store, id, journal, at.toString())));
      // Only a subject that is deleted softly can be activated again.
      if (mode === "soft") await saveMark(tx, id, mark);
    }
    // The rest of them waits for a legal hold to end.
    if (isPart(journal.stage)) {
      await appendEntries(tx, events, { at, run: run.id });
      return false;
    }
    const treated = { store: store.name, batch: id, stage: journal.stage, mode, mark };
    const anyForgotten = await settleSamePerson(tx, treated);
    await appendEntries(tx, events, { at, run: run.id });
    return anyForgotten;
  });
  faultPoint("after-journal-collected");
  if (forgotten) await removeDeadRows(ctx);
};

/** How the frozen plan deletes, whatever the policy says by now. */
const deletionIn = async (
  tx: Kysely<StateDb>,
  plan: string,
): Promise<{ mode: PlannedDeletion["mode"]; mark: SavedMark }> => {
  const frozen = await sql<{
    shape: Shape;
  }>`select body::jsonb -> 'shape' as shape from lethe.plan where hash = ${plan}`.execute(tx);
  const [row] = frozen.rows;
  if (row === undefined) throw new TypeError("a batch is of a saved plan");
  const { root, deletion } = row.shape;
  return { mode: deletion.mode, mark: { root, changes: deletion.mark } };
};

const saveMark = (tx: Kysely<StateDb>, id: string, mark: SavedMark): Promise<unknown> =>
  sql`update lethe.subject set mark = ${JSON.stringify(mark)}::jsonb where batch_id = ${id}`.execute(tx);

/** Dispositions, what stays, figures, tasks: everything that the batch did, once. */
const record = async (
  tx: Kysely<StateDb>,
  run: Run,
  store: Named,
  id: string,
  journal: Journal,
  at: string,
): Promise<readonly LedgerEvent[]> => {
  const dispositions = dispositionsOf(store.policy, journal.steps, journal.spared);
  // Of a request that goes in parts, rows that stay are found again by the next part: they are counted once. Of those
  // some may have expired meanwhile: what became of them then, the record of the expiry says.
  await sql`with x as (select * from jsonb_to_recordset(${JSON.stringify(dispositions)}::jsonb)
      as x (request bigint, table_name text, treatment text, rows bigint, spared bigint, basis text,
        clock_first date, clock_last date, until_first date, until_last date, exception text, restricted boolean, undated bigint)),
    before as materialized (select request_id, table_name, treatment, sum(rows)::bigint as rows from lethe.disposition
      where store = ${store.name} and request_id in (select request from x) group by 1, 2, 3),
    done as (select x.*, greatest(0, x.rows - case when x.treatment = 'erase' then 0 else coalesce(b.rows, 0) end) as new, b.rows is null as first
      from x left join before b on b.request_id = x.request and b.table_name = x.table_name and b.treatment = x.treatment)
    insert into lethe.disposition as d (request_id, store, table_name, treatment, rows, spared, basis, clock_first, clock_last,
      until_first, until_last, run_id, exception, restricted, undated)
    select request, ${store.name}, table_name, treatment, new, spared, basis, clock_first, clock_last,
      until_first, until_last, ${run.id}, exception, restricted, undated
    from done where first or new <> 0
    on conflict (request_id, store, table_name, run_id) do update set rows = d.rows + excluded.rows, spared = excluded.spared, undated = excluded.undated,
      clock_first = least(d.clock_first, excluded.clock_first), clock_last = greatest(d.clock_last, excluded.clock_last),
      until_first = least(d.until_first, excluded.until_first), until_last = greatest(d.until_last, excluded.until_last)`.execute(
    tx,
  );
  await sql`insert into lethe.conserved (run_id, batch_id, store, table_name, measure, period, dimensions, before, after, equal, people, threshold, late)
    select ${run.id}, ${id}, ${store.name}, table_name, measure, period, dimensions, before, after, equal, people, threshold, late
    from jsonb_to_recordset(${JSON.stringify(journal.totals)}::jsonb)
      as x (table_name text, measure text, period date, dimensions jsonb, before numeric, after numeric, equal boolean, people bigint, threshold bigint, late boolean)`.execute(
    tx,
  );
  await sql`insert into lethe.remedy (request_id, store, code, table_name, action, rows, run_id, batch_id)
    select request, ${store.name}, code, table_name, action, rows, ${run.id}, ${id}
    from jsonb_to_recordset(${JSON.stringify(journal.remedies)}::jsonb) as x (request bigint, code text, table_name text, action text, rows bigint)`.execute(
    tx,
  );
  const stays = staysOf(store.policy, journal.stays);
  await sql`insert into lethe.stay (request_id, store, table_name, column_name, rows, why, clock_last, until, run_id)
    select request, ${store.name}, table_name, column_name, rows, why, clock_last, until, ${run.id}
    from jsonb_to_recordset(${JSON.stringify(stays)}::jsonb)
      as x (request bigint, table_name text, column_name text, rows bigint, why text, clock_last date, until date)
    on conflict (request_id, store, table_name, column_name) do update set rows = excluded.rows, why = excluded.why,
      clock_last = excluded.clock_last, until = excluded.until, run_id = excluded.run_id`.execute(tx);
  const position = new Map(store.policy.figures.map(({ figure }, index) => [figure, index]));
  const figures = journal.figures.map((row) => ({ ...row, position: position.get(row.figure) ?? 0 }));
  await sql`insert into lethe.figure (run_id, batch_id, store, figure, before, after, position)
    select ${run.id}, ${id}, ${store.name}, figure, before, after, position
    from jsonb_to_recordset(${JSON.stringify(figures)}::jsonb) as x (figure text, before numeric, after numeric, position int)`.execute(
    tx,
  );
  const late = await recordLate(tx, run, store, journal);
  if (isPart(journal.stage)) return late;
  await sql`update lethe.subject set state = 'executed' where batch_id = ${id}`.execute(tx);
  await recogniseSame(tx, store.name, id);
  return [...late, ...(await recordTasks(tx, run, store, journal.tasks, at))];
};

/** For whom a deadline has come, and what was done instead of what their table's rule says. */
const recordLate = async (
  tx: Kysely<StateDb>,
  run: Run,
  store: Pick<Store, "name">,
  { steps }: Journal,
): Promise<readonly LedgerEvent[]> => {
  const late = steps.filter((step) => step.late !== null);
  if (late.length === 0) return [];
  const { rows } = await sql<{ ref: string; table: string; late: LateTreatment; rows: number }>`with recorded as (
      insert into lethe.late (request_id, store, table_name, late, rows, run_id)
      select request, ${store.name}, table_name, late, rows, ${run.id}
      from jsonb_to_recordset(${JSON.stringify(late)}::jsonb) as x (request bigint, table_name text, late text, rows bigint)
      on conflict (request_id, store, table_name) do update set late = excluded.late, rows = lethe.late.rows + excluded.rows, run_id = excluded.run_id
      returning request_id, table_name, late, rows)
    select r.ref, table_name as "table", late, rows from recorded join lethe.request r on r.id = request_id order by 1, 2`.execute(
    tx,
  );
  return rows.map(({ ref, ...each }) => ({ kind: "request.late", request: ref, store: store.name, ...each }));
};

const recordTasks = async (
  tx: Kysely<StateDb>,
  run: Run,
  store: Named,
  tasks: readonly TaskRow[],
  at: string,
): Promise<readonly LedgerEvent[]> => {
  if (tasks.length === 0) return [];
  const recorded = await sql<{ ref: string; recipient: string; task: string; tasks: number }>`with recorded as (
      insert into lethe.task (request_id, store, recipient, task, reference, state, recorded_at, run_id)
      select request, ${store.name}, recipient, task, reference, 'open', ${at}, ${run.id}
      from jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb) as x (request bigint, recipient text, task text, reference text)
      returning request_id, recipient, task)
    select r.ref, n.recipient, n.task, count(*) as tasks from recorded n join lethe.request r on r.id = n.request_id
    group by 1, 2, 3 order by 1, 2, 3`.execute(tx);
  return recorded.rows.map(({ ref, ...row }) => ({ kind: "task.recorded", request: ref, store: store.name, ...row }));
};

/** The subjects belong to the batch once more. */
const claimAgain = async (tx: Kysely<StateDb>, store: string, id: string, refs: readonly string[]): Promise<void> => {
  await sql`update lethe.subject s set batch_id = ${id} from lethe.request r
    where r.id = s.request_id and s.store = ${store} and r.ref = any (${[...refs]}::text[])`.execute(tx);
};

/** Rows are counted for one request only: who asked twice has the same done, and on record for the first. */
const recogniseSame = (tx: Kysely<StateDb>, store: string, id: string): Promise<unknown> =>
  sql`update lethe.subject s set same_as = f.first
    from (select a.request_id, min(b.request_id) as first from lethe.subject a
      join lethe.subject b on b.store = a.store and b.key = a.key and b.state = 'executed' and b.request_id <> a.request_id
      where a.batch_id = ${id} and not exists (select from lethe.disposition d where d.request_id = a.request_id and d.store = a.store)
        and exists (select from lethe.disposition d where d.request_id = b.request_id and d.store = b.store)
      group by a.request_id) f
    where s.request_id = f.request_id and s.store = ${store}`.execute(tx);
