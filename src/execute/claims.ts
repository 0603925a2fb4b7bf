import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import type { StateDb } from "#db/state-schema.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Shape } from "#records/plan.ts";
import type { Blocked } from "#scope/row-sets.ts";
import type { RequestDetail, RequestState } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import type { Located, Wanted } from "#scope/locate.ts";

/** Failures that the next night tries again by itself: nothing was wrong with the subject's data. */
const passing = sql.join(["ROW_LOCKED", "STATEMENT_TIMEOUT", "PLAN_MOVED"].map((code) => sql.lit(code)));

/** Requests that are to be executed in a store, now or when their time of grace is over, and have not been. */
const open = (store: string) => sql`
  (r.state in ('approved', 'scheduled', 'erasing', 'blocked') or (r.state = 'failed' and r.code in (${passing})))
  and not exists (select from lethe.subject d where d.request_id = r.id and d.store = ${store} and d.state = 'executed')`;

/** Those of them that need not wait any more. */
const due = ({ clock }: Pick<Context, "clock">, store: string) => sql`
  ${open(store)} and (r.scheduled_for is null or r.scheduled_for <= ${clock.now().toString()})`;

/** Whether the store's own time of grace has begun: another store's says nothing about it. */
const gracedAs = (request: string, store: string) =>
  sql`exists (select from lethe.grace g where g.request_id = ${sql.ref(request)} and g.store = ${store})`;
const graced = (store: string) => gracedAs("r.id", store);

/**
 * The identifiers by which subjects are looked up in a store: as requested, and as found in other stores. A bare number as key
 * is one of the first store: in the others it is somebody else's. Whose time of grace has begun is the same person when it is over,
 * whoever has their address by then.
 */
export async function* wantedIn(ctx: Context, store: string): AsyncGenerator<Wanted> {
  const first = ctx.stores[0]?.name === store;
  // Materialised: without statistics on identifiers the planner would look for the due requests once per identifier.
  const query = sql<Wanted>`
    with due as materialized (select r.id from lethe.request r where ${due(ctx, store)})
    select due.id as request, i.kind, i.value from due join lethe.request_identifier i on i.request_id = due.id
    where (${first} or i.kind <> 'key' or i.value !~ '^[0-9]+$') and not ${gracedAs("due.id", store)}
    union select g.request_id, 'key', g.key from due join lethe.grace g on g.request_id = due.id and g.store = ${store}
    union
    select due.id, i.kind, i.value from due
    join lethe.subject_identifier i on i.request_id = due.id and i.store <> ${store} and i.kind not in ('name', 'key')
    where not ${gracedAs("due.id", store)}`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}

/** What other stores have told since about requests whose subject this store did not know. */
export async function* wantedAgain(ctx: Context, store: string): AsyncGenerator<Wanted> {
  for await (const rows of streamRows(ctx.state.pool, again(ctx, store).compile(ctx.state.db))) yield* rows;
}

const again = (ctx: Context, store: string) => sql<Wanted>`
    select i.request_id as request, i.kind, i.value from lethe.subject s
    join lethe.request r on r.id = s.request_id
    join lethe.subject_identifier i on i.request_id = s.request_id and i.store <> s.store and i.kind not in ('name', 'key')
    where s.store = ${store} and s.state = 'absent' and ${due(ctx, store)} and not ${graced(store)}`;

export const anyWantedAgain = async (ctx: Context, store: string): Promise<boolean> => {
  const result = await sql<{ any: boolean }>`select exists (${again(ctx, store)}) as any`.execute(ctx.state.db);
  return result.rows[0]?.any === true;
};

/** Requests that must not run anywhere tonight. */
export const releaseClaims = async (db: Kysely<StateDb>, requests: readonly number[]): Promise<void> => {
  await sql`delete from lethe.subject where state = 'located' and request_id = any (${[...requests]}::bigint[])`.execute(
    db,
  );
};

/** Forgets where subjects were found in earlier nights: rows move, and identifiers may have been corrected since. */
export const forgetLocations = async (ctx: Context, store: string): Promise<void> => {
  const { db } = ctx.state;
  await sql`delete from lethe.subject_identifier i using lethe.request r
    where i.request_id = r.id and i.store = ${store} and ${due(ctx, store)}`.execute(db);
  await sql`delete from lethe.subject s using lethe.request r
    where s.request_id = r.id and s.store = ${store} and ${due(ctx, store)}`.execute(db);
};

/**
 * Saves where subjects were found before anything changes: afterwards the root row names nobody any more. A request that
 * answers to two root rows is blocked: which of them is meant is not ours to guess. Returns those.
 */
export const saveLocated = async (
  ctx: Context,
  run: Run,
  store: string,
  found: AsyncIterable<readonly Located[]>,
  normalise: (kind: Wanted["kind"], value: string) => string,
): Promise<readonly number[]> => {
  const ambiguous = new Set<number>();
  let held: Located | undefined;
  for await (const rows of found) {
    // Rows come ordered by request; a pair may straddle two chunks.
    const all = held === undefined ? rows : [held, ...rows];
    held = all.at(-1);
    for (const request of await saveChunk(ctx, run, store, all, normalise)) ambiguous.add(request);
  }
  return [...ambiguous];
};

const saveChunk = async (
  ctx: Context,
  run: Run,
  store: string,
  rows: readonly Located[],
  normalise: (kind: Wanted["kind"], value: string) => string,
): Promise<readonly number[]> => {
  const byRequest = Map.groupBy(rows, ({ request }) => request);
  const located = rows.filter(({ request }) => byRequest.get(request)?.length === 1);
  const several = [...byRequest]
    .filter(([, found]) => found.length > 1)
    .map(([request, found]) => ({ request, rows: found.length }));
  const subjects = located.map(({ request, key }) => ({ request, key }));
  const identifiers = located.flatMap(({ request, values }) =>
    values.map(({ kind, value }) => ({
      request,
      kind,
      value: kind === "name" ? value.normalize("NFC").trim() : normalise(kind, value),
    })),
  );
  await ctx.state.db.transaction().execute(async (tx) => {
    await sql`delete from lethe.subject_identifier where store = ${store} and request_id = any (${several.map(({ request }) => request)}::bigint[])`.execute(
      tx,
    );
    await sql`delete from lethe.subject where store = ${store} and request_id = any (${several.map(({ request }) => request)}::bigint[])`.execute(
      tx,
    );
    await sql`insert into lethe.subject (request_id, store, key, state)
      select request, ${store}, key, 'located' from jsonb_to_recordset(${JSON.stringify(subjects)}::jsonb) as x (request bigint, key text)
      on conflict (request_id, store) do update set key = excluded.key, state = 'located' where lethe.subject.state = 'absent'`.execute(
      tx,
    );
    await sql`insert into lethe.subject_identifier (request_id, store, kind, value)
      select request, ${store}, kind, value from jsonb_to_recordset(${JSON.stringify(identifiers)}::jsonb)
        as x (request bigint, kind text, value text)
      on conflict do nothing`.execute(tx);
  });
  const hint =
    "its identifiers name more than one root row: find out which is meant and add the request again with the key";
  await stopRequests(
    ctx,
    run,
    "blocked",
    several.map(({ request, rows: count }) => ({
      request,
      code: "SUBJECT_AMBIGUOUS",
      detail: { store, rows: count, hint },
    })),
  );
  return several.map(({ request }) => request);
};

/** Notes that a store holds no root row for the requests that were looked for and not found; `ambiguous` ones were. */
export const saveAbsences = async (ctx: Context, store: string, ambiguous: readonly number[]): Promise<void> => {
  await sql`insert into lethe.subject (request_id, store, key, state)
    select r.id, ${store}, null, 'absent' from lethe.request r where ${due(ctx, store)}
      and not (r.id = any (${[...ambiguous]}::bigint[]))
      and not exists (select from lethe.subject s where s.request_id = r.id and s.store = ${store})`.execute(
    ctx.state.db,
  );
};

/** Requests whose subject is in none of the stores: a person has to look at the identifiers. */
export const requestsNotFound = async (db: Kysely<StateDb>, stores: readonly string[]): Promise<readonly number[]> => {
  const result = await sql<{ id: number }>`
    select r.id from lethe.request r join lethe.subject s on s.request_id = r.id
    where r.state in ('approved', 'scheduled', 'blocked', 'erasing', 'failed') and s.store = any (${[...stores]}::text[])
    group by r.id having count(*) = ${stores.length} and bool_and(s.state = 'absent')`.execute(db);
  return result.rows.map(({ id }) => id);
};

export type Claimed = {
  readonly request: number;
  readonly ref: string;
  readonly state: RequestState;
  readonly key: string;
};

export type Page = {
  /** The id of the last request of the page before. */
  readonly after: number;
  readonly limit: number;
  /** In a store that lets requests wait: those whose time of grace has not begun, or those for which it is over. */
  readonly which: "scheduled" | "unscheduled" | undefined;
};

const claimed = (ctx: Context, store: string, which: Page["which"]) => {
  if (which === undefined) return due(ctx, store);
  return which === "scheduled"
    ? sql`${due(ctx, store)} and ${graced(store)}`
    : sql`${open(store)} and not ${graced(store)}`;
};

/** Whether somebody has been found in a store whose time of grace has not begun there. */
export const anyUnscheduled = async (ctx: Context, store: string): Promise<boolean> =>
  (await nextClaims(ctx, store, { after: 0, limit: 1, which: "unscheduled" })).length > 0;

/** The next requests to execute in a store, by id. */
export const nextClaims = async (
  ctx: Context,
  store: string,
  { after, limit, which }: Page,
): Promise<readonly Claimed[]> => {
  const result = await sql<Claimed>`
    select r.id as request, r.ref, r.state, s.key from lethe.request r
    join lethe.subject s on s.request_id = r.id and s.store = ${store} and s.state = 'located'
    where ${claimed(ctx, store, which)} and r.id > ${after} order by r.id limit ${limit}`.execute(ctx.state.db);
  return result.rows;
};

export const countClaims = async (ctx: Context, store: string): Promise<number> => {
  const result = await sql<{ count: number }>`
    select count(*) from lethe.request r join lethe.subject s on s.request_id = r.id and s.store = ${store} and s.state = 'located'
    where ${due(ctx, store)}`.execute(ctx.state.db);
  return result.rows[0]?.count ?? 0;
};

/** Whether a store has executed subjects that are not yet declared erased. */
export const anyExecuted = async (ctx: Context, store: string): Promise<boolean> => {
  const result = await sql<{ any: boolean }>`
    select exists (select from lethe.subject where store = ${store} and state = 'executed') as any`.execute(
    ctx.state.db,
  );
  return result.rows[0]?.any === true;
};

/** What names the subjects, as requested and as found: for redaction and for nothing else. */
export const valuesOf = async (
  ctx: Context,
  requests: readonly number[],
): Promise<ReadonlyMap<number, Located["values"]>> => {
  const result = await sql<{ request: number; kind: Wanted["kind"] | "name"; value: string }>`
    select request_id as request, kind, value from lethe.subject_identifier where request_id = any (${[...requests]}::bigint[])
    union select request_id, kind, value from lethe.request_identifier where request_id = any (${[...requests]}::bigint[])`.execute(
    ctx.state.db,
  );
  return Map.groupBy(result.rows, (row) => row.request);
};

export type Stop = { readonly request: number; readonly code: string; readonly detail: RequestDetail };

/** Moves requests to `blocked` or `failed` with code and place; an unchanged reason is not written again, so `code_since` says since when. */
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
      update lethe.request r set state = ${state}, code = x.code, detail = x.detail, code_since = ${at.toString()},
        changed_at = ${at.toString()}, run_id = ${run.id}
      from jsonb_to_recordset(${JSON.stringify(stops)}::jsonb) as x (request bigint, code text, detail jsonb)
      where r.id = x.request and (r.state, r.code) is distinct from (${state}, x.code)
        and r.state in ('approved', 'scheduled', 'erasing', 'blocked', 'failed')
      returning r.ref, x.code, x.detail`.execute(tx);
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

/**
 * I2: approval binds to the rules. Requests that were approved under other ones go back for approval, unless some store has done its part
 * already. A time of grace that runs goes on running: who is marked as deleted stays marked.
 */
export const returnForApproval = async (ctx: Context, run: Run, store: string, shape: string): Promise<number> => {
  const at = ctx.clock.now();
  return ctx.state.db.transaction().execute(async (tx) => {
    const changed = await sql<{ ref: string }>`
      update lethe.request r set state = 'verified', code = 'PLAN_CHANGED', code_since = ${at.toString()}, changed_at = ${at.toString()},
        detail = ${JSON.stringify({ store, hint: "look at `lethe plan` and approve again" })}::jsonb
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
