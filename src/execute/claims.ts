import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import type { StateDb } from "#db/state-schema.ts";
import { passing, stopRequests } from "#execute/stops.ts";
import type { RequestState } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import type { Located, Wanted } from "#scope/locate.ts";

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

/** In a store that lets requests wait: those whose time of grace has not begun, or those for which it is over. */
export type Which = "scheduled" | "unscheduled" | undefined;

type Page = {
  /** The id of the last request of the page before. */
  readonly after: number;
  readonly limit: number;
  readonly which: Which;
};

const claimed = (ctx: Context, store: string, which: Which) => {
  if (which === undefined) return due(ctx, store);
  return which === "scheduled"
    ? sql`${due(ctx, store)} and ${graced(store)}`
    : sql`${open(store)} and not ${graced(store)}`;
};

/** Whether somebody has been found in a store whose time of grace has not begun there. */
export const anyUnscheduled = async (ctx: Context, store: string): Promise<boolean> =>
  (await nextClaims(ctx, store, { after: 0, limit: 1, which: "unscheduled" })).length > 0;

/** The requests to execute in a store, by id, in pages of a batch; none more once the run is asked to stop. */
export async function* claimPages(
  ctx: Context,
  { name, config }: Store,
  which: Which,
): AsyncGenerator<readonly Claimed[]> {
  for (let after = 0; !ctx.signal.aborted;) {
    const claims = await nextClaims(ctx, name, { after, limit: config.batch, which });
    const last = claims.at(-1);
    if (last === undefined) return;
    after = last.request;
    yield claims;
  }
}

/** The next requests to execute in a store, by id. */
const nextClaims = async (ctx: Context, store: string, { after, limit, which }: Page): Promise<readonly Claimed[]> => {
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
