import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Policy } from "#policy/policy.ts";
import { erasableFrom } from "#policy/retention.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Plan, Shape } from "#records/plan.ts";
import type { RequestState } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import type { StoreSession } from "#execute/store-session.ts";
import { Temporal } from "temporal-polyfill";

export type FrozenBatch = { readonly id: string; readonly planHash: string; readonly requests: readonly number[] };

/**
 * Saves the plan and claims its requests, in one transaction of Lethe's own database, before anything changes (I2). A crash after it
 * leaves a frozen batch, which the next run settles by asking the store's journal.
 *
 * Returns the requests that somebody has held, withdrawn or refused since they were looked up: with any of them nothing is frozen. From
 * here on the others are `erasing`, which no decision stops.
 */
export const freezeBatch = async (
  ctx: Context,
  run: Run,
  shape: Shape,
  plan: Plan,
  batch: FrozenBatch,
): Promise<readonly number[]> => {
  const at = ctx.clock.now();
  const requests = [...batch.requests];
  const stopped = await ctx.state.db.transaction().execute(async (tx) => {
    const locked = await sql<{ id: number; state: RequestState }>`select id, state from lethe.request
      where id = any (${requests}::bigint[]) order by id for update`.execute(tx);
    const decided = locked.rows.filter(({ state }) => !runnable.includes(state));
    if (decided.length > 0) return decided.map(({ id }) => id);
    const body = canonicalJson({ plan, shape });
    await sql`insert into lethe.plan (hash, shape, store, run_id, frozen_at, body)
      values (${batch.planHash}, ${plan.shape}, ${plan.store}, ${run.id}, ${at.toString()}, ${body}) on conflict (hash) do nothing`.execute(
      tx,
    );
    await sql`insert into lethe.batch (id, run_id, store, plan_hash, state, requests)
      values (${batch.id}, ${run.id}, ${plan.store}, ${batch.planHash}, 'frozen', ${requests.length})`.execute(tx);
    await sql`update lethe.subject set batch_id = ${batch.id}
      where store = ${plan.store} and request_id = any (${requests}::bigint[])`.execute(tx);
    // Requests that were erasing already, in another store or in a larger batch, change no state.
    const claimed = await sql<{ ref: string; was: string }>`
      update lethe.request r set state = 'erasing', code = null, code_since = null, detail = null, changed_at = ${at.toString()}, run_id = ${run.id}
      from (select id, state from lethe.request where id = any (${requests}::bigint[])) o
      where r.id = o.id and o.state in ('approved', 'blocked', 'failed') returning r.ref, o.state as was`.execute(tx);
    const events: LedgerEvent[] = [
      { kind: "plan.frozen", plan: batch.planHash, shape: plan.shape, store: plan.store, requests: requests.length },
    ];
    for (const { ref, was } of claimed.rows) {
      if (was === "blocked") events.push({ kind: "request.unblocked", request: ref });
      events.push({ kind: "request.erasing", request: ref, store: plan.store, plan: batch.planHash });
    }
    await appendEntries(tx, events, { at, run: run.id });
    return [];
  });
  if (stopped.length === 0) faultPoint("after-plan-frozen");
  return stopped;
};

const runnable: readonly RequestState[] = ["approved", "erasing", "blocked", "failed"];

/** The batch will not run as planned: its requests are planned again. */
export const abandonBatch = async (ctx: Context, id: string): Promise<void> => {
  await ctx.state.db.transaction().execute(async (tx) => {
    await sql`update lethe.batch set state = 'abandoned' where id = ${id} and state = 'frozen'`.execute(tx);
    await sql`update lethe.subject set batch_id = null where batch_id = ${id} and state = 'located'`.execute(tx);
  });
};

type StepRow = {
  request: number;
  table_name: string;
  treatment: string;
  rows: number;
  clock_first: string | null;
  clock_last: string | null;
};
type SparedRow = { request: number; table_name: string; rows: number };
type TotalRow = { table_name: string; measure: string; period: string; before: string; after: string };

/**
 * Reads the store's journal of a batch back and records it: dispositions, totals, progress. The same code runs after a commit and
 * after a crash, and a second time it changes nothing. Returns false when the journal does not know the batch: it never committed.
 */
export const collectBatch = async (ctx: Context, run: Run, store: Store, id: string): Promise<boolean> => {
  const journal = await withClient(store.pool, (client) => readJournal(kyselyOn(client), id));
  if (journal === undefined) return false;
  const { steps, spared, totals } = journal;
  const at = ctx.clock.now();

  await ctx.state.db.transaction().execute(async (tx) => {
    const known = await sql<{ state: string }>`select state from lethe.batch where id = ${id} for update`.execute(tx);
    const state = known.rows[0]?.state;
    if (state !== "frozen" && state !== "abandoned") return;
    // Given up too early, by somebody who could not see that it was about to commit: the journal is what counts.
    if (state === "abandoned") await claimAgain(tx, store.name, id, journal.refs);
    await sql`update lethe.batch set state = 'committed' where id = ${id}`.execute(tx);
    const dispositions = dispositionsOf(store.policy, steps, spared);
    await sql`insert into lethe.disposition (request_id, store, table_name, treatment, rows, spared, basis, until_first, until_last, run_id)
      select request, ${store.name}, table_name, treatment, rows, spared, basis, until_first, until_last, ${run.id}
      from jsonb_to_recordset(${JSON.stringify(dispositions)}::jsonb)
        as x (request bigint, table_name text, treatment text, rows bigint, spared bigint, basis text, until_first date, until_last date)`.execute(
      tx,
    );
    await sql`insert into lethe.conserved (run_id, batch_id, store, table_name, measure, period, before, after)
      select ${run.id}, ${id}, ${store.name}, table_name, measure, period, before, after
      from jsonb_to_recordset(${JSON.stringify(totals)}::jsonb) as x (table_name text, measure text, period date, before numeric, after numeric)`.execute(
      tx,
    );
    await sql`update lethe.subject set state = 'executed' where batch_id = ${id}`.execute(tx);
    const rows = steps.reduce((sum, step) => sum + step.rows, 0);
    await appendEntries(
      tx,
      [{ kind: "batch.committed", batch: id, plan: journal.plan, store: store.name, requests: journal.requests, rows }],
      { at, run: run.id },
    );
  });
  faultPoint("after-journal-collected");
  return true;
};

type Journal = {
  readonly plan: string;
  readonly requests: number;
  readonly refs: readonly string[];
  readonly steps: readonly StepRow[];
  readonly spared: readonly SparedRow[];
  readonly totals: readonly TotalRow[];
};

/** What the store's journal says of a batch; undefined when it does not know it. */
const readJournal = async (db: Kysely<unknown>, id: string): Promise<Journal | undefined> => {
  const batches = await sql<{ plan: string; requests: number }>`
    select plan, requests from lethe.journal_batch where id = ${id}`.execute(db);
  const [batch] = batches.rows;
  if (batch === undefined) return undefined;
  const refs = await sql<{ ref: string }>`select ref from lethe.journal_request where batch = ${id}`.execute(db);
  const steps = await sql<StepRow>`select request, table_name, treatment, rows, clock_first, clock_last
    from lethe.journal_step where batch = ${id}`.execute(db);
  const spared = await sql<SparedRow>`
    select request, table_name, rows from lethe.journal_spared where batch = ${id}`.execute(db);
  const totals = await sql<TotalRow>`select table_name, measure, period, before::text, after::text
    from lethe.journal_total where batch = ${id}`.execute(db);
  return {
    ...batch,
    refs: refs.rows.map(({ ref }) => ref),
    steps: steps.rows,
    spared: spared.rows,
    totals: totals.rows,
  };
};

/** The subjects belong to the batch once more. */
const claimAgain = async (tx: Kysely<StateDb>, store: string, id: string, refs: readonly string[]): Promise<void> => {
  await sql`update lethe.subject s set batch_id = ${id} from lethe.request r
    where r.id = s.request_id and s.store = ${store} and r.ref = any (${[...refs]}::text[])`.execute(tx);
};

/** Those of the given requests that the store's journal knows, with the batches that did them. */
export const journalled = async (
  { db }: StoreSession,
  refs: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  const { rows } = await sql<{ ref: string; batch: string }>`
    select ref, batch from lethe.journal_request where ref = any (${[...refs]}::text[])`.execute(db);
  return new Map(rows.map(({ ref, batch }) => [ref, batch]));
};

const dispositionsOf = (policy: Policy, steps: readonly StepRow[], spared: readonly SparedRow[]) => {
  const key = (row: { request: number; table_name: string }): string => `${row.request} ${row.table_name}`;
  const left = new Map(spared.map((row) => [key(row), row]));
  const until = untilBy(policy);
  const changed = steps.map((step) => {
    const also = left.get(key(step));
    left.delete(key(step));
    return {
      request: step.request,
      table_name: step.table_name,
      treatment: step.treatment,
      rows: step.rows,
      spared: also?.rows ?? 0,
      basis: basisOf(policy, step.table_name),
      until_first: until(step.table_name, step.clock_first),
      until_last: until(step.table_name, step.clock_last),
    };
  });
  const untouched = [...left.values()].map((row) => ({
    request: row.request,
    table_name: row.table_name,
    treatment: policy.tables[row.table_name]?.treatment ?? "keep",
    rows: 0,
    spared: row.rows,
    basis: null,
    until_first: null,
    until_last: null,
  }));
  return [...changed, ...untouched];
};

const classOf = (policy: Policy, table: string) => {
  const rule = policy.tables[table];
  return rule?.treatment === "retain" ? policy.classes[rule.class] : undefined;
};

const basisOf = (policy: Policy, table: string): string | null => classOf(policy, table)?.basis ?? null;

/** First erasable day by table and clock, remembered: thousands of rows share a few days. */
const untilBy = (policy: Policy): ((table: string, clock: string | null) => string | null) => {
  const known = new Map<string, string | null>();
  return (table, clock) => {
    if (clock === null) return null;
    const key = `${table} ${clock}`;
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered;
    const retention = classOf(policy, table);
    const day = retention === undefined ? null : erasableFrom(retention, Temporal.PlainDate.from(clock)).toString();
    known.set(key, day);
    return day;
  };
};

/** Batches of a store whose fate is not known: frozen by a run that died. */
export const unsettledBatches = async (ctx: Context, store: string): Promise<readonly string[]> => {
  const result = await sql<{
    id: string;
  }>`select id from lethe.batch where store = ${store} and state = 'frozen' order by id`.execute(ctx.state.db);
  return result.rows.map(({ id }) => id);
};
