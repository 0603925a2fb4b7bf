import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import { lockHolds } from "#db/hold-lock.ts";
import { rowHoldsIn } from "#db/row-holds.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";
import { batchesWithTasks } from "#execute/journal.ts";
import { stopRequests, subjectHeld } from "#execute/stops.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { faultPoint } from "#lib/fault.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { ReadableHold } from "#records/hold.ts";
import type { Plan, Shape } from "#records/plan.ts";
import type { RequestState } from "#records/request.ts";
import type { Run } from "#records/run.ts";

export type FrozenBatch = {
  readonly id: string;
  readonly planHash: string;
  readonly requests: readonly number[];
  /** The holds on rows of the store that the plan respects. */
  readonly holds: readonly ReadableHold[];
};

/**
 * Saves the plan and claims its requests, in one transaction of Lethe's own database, before any change is committed (I2). A crash after it
 * leaves a frozen batch, which the next run settles by asking the store's journal.
 *
 * Returns the requests that somebody has held, withdrawn or refused since they were looked up, and those whose person another request holds:
 * with any of them nothing is frozen. Nor is anything where a hold on rows of the store was placed or released meanwhile (`moved`). From here on
 * the others are `erasing`, which no decision stops.
 */
export const freezeBatch = async (
  ctx: Context,
  run: Run,
  shape: Shape,
  plan: Plan,
  batch: FrozenBatch,
): Promise<readonly number[] | "moved"> => {
  const at = ctx.clock.now();
  const requests = [...batch.requests];
  const { moved, decided, held } = await ctx.state.db.transaction().execute(async (tx): Promise<Forbidden> => {
    await lockHolds(tx, "freeze");
    const locked = await sql<{ id: number; state: RequestState }>`select id, state from lethe.request
      where id = any (${requests}::bigint[]) order by id for update`.execute(tx);
    const respected = new Set(batch.holds.map(({ ref }) => ref));
    const inForce = await rowHoldsIn(tx, plan.store);
    const forbidden = {
      moved: inForce.length !== respected.size || inForce.some(({ ref }) => !respected.has(ref)),
      decided: locked.rows.flatMap(({ id, state }) => (runnable.includes(state) ? [] : [id])),
      held: await heldByOthers(tx, requests),
    };
    if (forbidden.moved || forbidden.decided.length > 0 || forbidden.held.length > 0) return forbidden;
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
      where r.id = o.id and o.state in ('approved', 'scheduled', 'blocked', 'failed') returning r.ref, o.state as was`.execute(
      tx,
    );
    const events: LedgerEvent[] = [
      { kind: "plan.frozen", plan: batch.planHash, shape: plan.shape, store: plan.store, requests: requests.length },
    ];
    for (const { ref, was } of claimed.rows) {
      if (was === "blocked") events.push({ kind: "request.unblocked", request: ref });
      events.push({ kind: "request.erasing", request: ref, store: plan.store, plan: batch.planHash });
    }
    await appendEntries(tx, events, { at, run: run.id });
    return { moved: false, decided: [], held: [] };
  });
  if (moved) return "moved";
  const stops = held
    .filter(({ request }) => !decided.includes(request))
    .map(({ request, matter }) => subjectHeld(request, plan.store, matter));
  await stopRequests(ctx, run, "blocked", stops);
  const stopped = [...new Set([...decided, ...held.map(({ request }) => request)])];
  if (stopped.length === 0) faultPoint("after-plan-frozen");
  return stopped;
};

type Forbidden = {
  readonly moved: boolean;
  readonly decided: readonly number[];
  readonly held: readonly HeldByOthers[];
};
type HeldByOthers = { readonly request: number; readonly matter: string | null };

/** Those of the requests that mean, in whichever store, the same row as another one that is held, or a person who is under a hold. */
const heldByOthers = async (tx: Kysely<StateDb>, requests: readonly number[]): Promise<readonly HeldByOthers[]> => {
  const { rows } = await sql<HeldByOthers>`
    with held as materialized (select id from lethe.request where state = 'held'),
    person as materialized (
      select i.request_id, i.store, i.key from held join lethe.identity i on i.request_id = held.id
      union select s.request_id, s.store, s.key from held join lethe.subject s on s.request_id = held.id
      union select -k.hold_id, k.store, k.key from lethe.hold_subject k join lethe.hold h on h.id = k.hold_id and h.released_at is null)
    select s.request_id as request, string_agg(distinct h.matter, ', ' order by h.matter) as matter
    from person p join lethe.subject s on s.store = p.store and s.key = p.key
    left join lethe.hold h on h.released_at is null and (h.id = -p.request_id or h.request_id = p.request_id)
    where s.request_id = any (${[...requests]}::bigint[]) and s.request_id <> p.request_id group by 1`.execute(tx);
  return rows;
};

const runnable: readonly RequestState[] = ["approved", "scheduled", "erasing", "blocked", "failed"];

/** The batch will not run as planned: its requests are planned again. */
export const abandonBatch = async (ctx: Context, id: string): Promise<void> => {
  await ctx.state.db.transaction().execute(async (tx) => {
    await sql`update lethe.batch set state = 'abandoned' where id = ${id} and state = 'frozen'`.execute(tx);
    await sql`update lethe.subject set batch_id = null where batch_id = ${id} and state = 'located'`.execute(tx);
  });
};

/**
 * Requests that are called `erasing`, while no store has done anything of them nor can still be doing so: what was begun was undone, and the
 * work on the store stopped. They wait as they did before, so that people can decide about them.
 */
export const returnUndone = async (ctx: Context, run: Run): Promise<void> => {
  const undone = sql`r.state = 'erasing' and not exists (select from lethe.subject s left join lethe.batch b on b.id = s.batch_id
    where s.request_id = r.id and (s.state = 'executed' or b.state = 'frozen'))
    and not exists (select from lethe.disposition d where d.request_id = r.id)`;
  const at = ctx.clock.now();
  await ctx.state.db.transaction().execute(async (tx) => {
    // Locked, and then looked at once more: another runner may have frozen them meanwhile.
    const found = await sql<{
      id: number;
    }>`select r.id from lethe.request r where ${undone} order by r.id for update`.execute(tx);
    const returned = await sql<{
      ref: string;
    }>`update lethe.request r set changed_at = ${at.toString()}, run_id = ${run.id},
        state = case when r.scheduled_for is null then 'approved' else 'scheduled' end
      where r.id = any (${found.rows.map(({ id }) => id)}::bigint[]) and ${undone} returning r.ref`.execute(tx);
    const events = returned.rows.map(({ ref }): LedgerEvent => ({ kind: "request.undone", request: ref }));
    await appendEntries(tx, events, { at, run: run.id });
  });
};

/**
 * Batches of a store that a run which died left unfinished: frozen, so that their fate is not known; or recorded, while the store still
 * holds what names their tasks.
 */
export const unsettledBatches = async (ctx: Context, { name, pool }: Store): Promise<readonly string[]> => {
  const left = await withClient(pool, (client) => batchesWithTasks(kyselyOn(client)));
  const result = await sql<{ id: string }>`select id from lethe.batch
    where store = ${name} and (state = 'frozen' or (state = 'committed' and id = any (${[...left]}::uuid[])))
    order by id`.execute(ctx.state.db);
  return result.rows.map(({ id }) => id);
};
