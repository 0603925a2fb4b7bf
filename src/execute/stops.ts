import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import type { Failure } from "#execute/failure.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Shape } from "#records/plan.ts";
import { passingCodes, type RequestDetail } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import type { Blocked } from "#scope/row-sets.ts";

/** `passingCodes` for a statement. */
export const passing = sql.join(passingCodes.map((code) => sql.lit(code)));

export type Stop = { readonly request: number; readonly code: string; readonly detail: RequestDetail };

/** A hold on a person: whoever else asks for the same person's erasure waits as well. */
export const subjectHeld = (request: number, store: string, matter: string | null): Stop => {
  const hint = "the person is under a legal hold, see `lethe hold list`: it is looked at again every night";
  return { request, code: "SUBJECT_HELD", detail: { store, ...(matter !== null && { matter }), hint } };
};

/** Requests that must not run anywhere tonight. */
export const releaseClaims = async (db: Kysely<StateDb>, requests: readonly number[]): Promise<void> => {
  await sql`delete from lethe.subject where state = 'located' and request_id = any (${[...requests]}::bigint[])`.execute(
    db,
  );
};

/**
 * Moves requests to `blocked` or `failed` with code and place. A reason that is still the same is no event, and `code_since` says since when;
 * how many rows it is about, and what else applies by now, is said anew.
 */
export const stopRequests = async (
  ctx: Context,
  run: Run,
  state: "blocked" | "failed",
  stops: readonly Stop[],
): Promise<void> => {
  if (stops.length === 0) return;
  const at = ctx.clock.now();
  await ctx.state.db.transaction().execute(async (tx) => {
    const changed = await sql<{ ref: string; code: string; detail: RequestDetail }>`
      update lethe.request r set state = ${state}, code = x.code, detail = x.detail,
        code_since = case when x.detail ? 'wait' then coalesce(r.waiting_since, ${at.toString()}) else ${at.toString()} end,
        waiting_since = case when x.detail ? 'wait' then coalesce(r.waiting_since, ${at.toString()}) end,
        changed_at = ${at.toString()}, run_id = ${run.id}
      from jsonb_to_recordset(${JSON.stringify(stops)}::jsonb) as x (request bigint, code text, detail jsonb)
      where r.id = x.request and (r.state, r.code) is distinct from (${state}, x.code)
        and r.state in ('approved', 'scheduled', 'erasing', 'blocked', 'failed')
      returning r.ref, x.code, x.detail`.execute(tx);
    await sql`update lethe.request r set detail = x.detail
      from jsonb_to_recordset(${JSON.stringify(stops)}::jsonb) as x (request bigint, code text, detail jsonb)
      where r.id = x.request and (r.state, r.code) = (${state}, x.code) and r.detail is distinct from x.detail`.execute(
      tx,
    );
    const events = changed.rows.map(({ ref, code, detail }): LedgerEvent => ({
      kind: state === "blocked" ? "request.blocked" : "request.failed",
      request: ref,
      code,
      detail,
    }));
    // Neither are they begun in another store: the next run finds them again.
    await releaseClaims(
      tx,
      stops.map(({ request }) => request),
    );
    await appendEntries(tx, events, { at, run: run.id });
  });
};

const approveAgain = "look at `lethe plan` and approve again";

/**
 * I2: approval binds to the rules. Requests that were approved under other ones go back for approval; where another store has done its part
 * already they fail until they are approved again, since nothing of what was done is undone. A time of grace that runs goes on running: who is marked
 * as deleted stays marked.
 */
export const returnForApproval = async (ctx: Context, run: Run, store: string, shape: string): Promise<number> => {
  const at = ctx.clock.now();
  const begun = await sql<{ request: number }>`select r.id as request from lethe.request r
    join lethe.subject own on own.request_id = r.id and own.store = ${store} and own.state = 'located'
    where r.state in ('approved', 'scheduled', 'blocked', 'erasing', 'failed') and r.approved_shape is not null
      and r.approved_shape::jsonb ->> ${store} is distinct from ${shape}
      and exists (select from lethe.subject d where d.request_id = r.id and d.state = 'executed')`.execute(
    ctx.state.db,
  );
  const detail = { store, hint: approveAgain };
  const stops = begun.rows.map(({ request }) => ({ request, code: "PLAN_CHANGED", detail }));
  await stopRequests(ctx, run, "failed", stops);
  return ctx.state.db.transaction().execute(async (tx) => {
    const changed = await sql<{ ref: string }>`
      update lethe.request r set state = 'verified', code = 'PLAN_CHANGED', code_since = ${at.toString()}, changed_at = ${at.toString()},
        detail = ${JSON.stringify(detail)}::jsonb
      where (r.state in ('approved', 'scheduled', 'blocked') or (r.state = 'failed' and r.code in (${passing})) or r.state = 'erasing')
        and not exists (select from lethe.subject d where d.request_id = r.id and d.state = 'executed')
        and r.approved_shape is not null
        and r.approved_shape::jsonb ->> ${store} is distinct from ${shape}
      returning r.ref`.execute(tx);
    const events = changed.rows.map(({ ref }): LedgerEvent => ({
      kind: "request.reapproval",
      request: ref,
      code: "PLAN_CHANGED",
    }));
    await appendEntries(tx, events, { at, run: run.id });
    return changed.rows.length;
  });
};

/** One subject is to blame for what a store refused: its request fails, and says where. */
export const stopFailed = (
  ctx: Context,
  run: Run,
  store: string,
  { request }: { readonly request: number },
  { code, detail }: Failure,
): Promise<void> => stopRequests(ctx, run, "failed", [{ request, code, detail: { store, ...detail } }]);

/** Blocks the requests that a store's blockers forbid. */
export const stopBlocked = (
  ctx: Context,
  run: Run,
  store: string,
  shape: Shape,
  blocked: readonly Blocked[],
): Promise<void> => {
  const hints = new Map(shape.blockers.map(({ code, hint }) => [code, hint]));
  const stops = blocked.map(({ request, code, table, rows, also }): Stop => {
    const settle = `settle the ${rows === 1 ? "row" : "rows"} in ${table}; looked at again every night`;
    const others = also.length === 0 ? {} : { also };
    return { request, code, detail: { store, table, rows, ...others, hint: hints.get(code) ?? settle } };
  });
  return stopRequests(ctx, run, "blocked", stops);
};
