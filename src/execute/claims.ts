import { sql } from "kysely";
import type { Context } from "#context.ts";
import { ofThisWork } from "#db/of-this-work.ts";
import { passing } from "#execute/stops.ts";
import type { IdentifierKind, RequestState } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import type { Located } from "#scope/locate.ts";

/** Requests that are to be executed in a store, now or when their time of grace is over, and have not been. */
const open = (ctx: Pick<Context, "restore">, store: string) => sql`
  ${ofThisWork(ctx)} and (r.state in ('approved', 'scheduled', 'erasing', 'blocked') or (r.state = 'failed' and r.code in (${passing})))
  and not exists (select from lethe.subject d where d.request_id = r.id and d.store = ${store} and d.state = 'executed')`;

/** Those of them that need not wait any more. */
export const due = (ctx: Pick<Context, "clock" | "restore">, store: string) => sql`
  ${open(ctx, store)} and (r.scheduled_for is null or r.scheduled_for <= ${ctx.clock.now().toString()})`;

/** Whether the store's own time of grace has begun: another store's says nothing about it. */
const graced = (store: string) =>
  sql`exists (select from lethe.grace g where g.request_id = r.id and g.store = ${store} and not g.lost)`;

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
    : sql`${open(ctx, store)} and not ${graced(store)}`;
};

/** Whether somebody has been found in a store whose time of grace has not begun there. */
export const anyUnscheduled = async (ctx: Context, store: string): Promise<boolean> =>
  (await nextClaims(ctx, store, { after: 0, limit: 1, which: "unscheduled" })).length > 0;

/** The requests to execute in a store, by id, in pages of a batch; none more once the run is asked to stop. */
export async function* claimPages(
  ctx: Context,
  { name, config }: { readonly name: string; readonly config: { readonly batch: number } },
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

/** Whether a run has changed anything in a store: of somebody a part of whom is held, nobody is called executed. */
export const anyCommitted = async (ctx: Context, run: Run, store: string): Promise<boolean> => {
  const result = await sql<{ any: boolean }>`
    select exists (select from lethe.batch where run_id = ${run.id} and store = ${store} and state = 'committed') as any`.execute(
    ctx.state.db,
  );
  return result.rows[0]?.any === true;
};

/** What names the subjects, as requested and as found: for redaction and for nothing else. */
export const valuesOf = async (
  ctx: Context,
  requests: readonly number[],
): Promise<ReadonlyMap<number, Located["values"]>> => {
  const result = await sql<{ request: number; kind: IdentifierKind | "name"; value: string }>`
    select request_id as request, kind, value from lethe.subject_identifier where request_id = any (${[...requests]}::bigint[])
    union select request_id, kind, value from lethe.request_identifier where request_id = any (${[...requests]}::bigint[])`.execute(
    ctx.state.db,
  );
  return Map.groupBy(result.rows, (row) => row.request);
};
