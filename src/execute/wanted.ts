import { sql, type RawBuilder } from "kysely";
import type { Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { due } from "#execute/claims.ts";
import { identified } from "#execute/locations.ts";
import type { Elsewhere, Wanted } from "#scope/locate.ts";

/**
 * What stores have told, before anybody is looked up anywhere, about requests of which it is settled there whom they mean: identifiers that
 * are somebody else's by now, and which stores could not be asked.
 */
export type PassedOn = { readonly identifiers: readonly Elsewhere[]; readonly unasked: readonly string[] };

/**
 * The identifiers by which subjects are looked up in a store: as requested, and as found in other stores. A bare number as key
 * is one of the first store: in the others it is somebody else's. Who was found once is the same person every night after, whoever
 * has their address by then: in the other stores, too, where nobody was found yet. While a store that knows the person cannot be asked, nobody
 * can tell whose the address is: then they are not looked for.
 */
export async function* wantedIn(ctx: Context, store: string, passedOn: PassedOn): AsyncGenerator<Wanted> {
  // Materialised: without statistics on identifiers the planner would look for the due requests once per identifier.
  const query = sql<Wanted>`
    with due as materialized (select r.id from lethe.request r where ${due(ctx, store)})
    select due.id as request, i.kind, i.value from due join lethe.request_identifier i on i.request_id = due.id
    where ${askedIn(ctx, store)} and not i.settled and not ${identified("due.id", store)} and not ${knownIn("due.id", passedOn.unasked)}
      and not ${hasPassedOn(passedOn)}
    union select k.request_id, 'identity', k.key from due join lethe.identity k on k.request_id = due.id and k.store = ${store} and not k.gone
    union
    select due.id, i.kind, i.value from due
    join lethe.subject_identifier i on i.request_id = due.id and i.store <> ${store} and i.kind not in ('name', 'key')
    where not ${identified("due.id", store)} and not ${knownIn("due.id", passedOn.unasked)} and ${leads(passedOn)}`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}

/** An identifier `i` as requested names somebody in the store, if anybody. */
const askedIn = (ctx: Context, store: string): RawBuilder<boolean> =>
  ctx.stores[0]?.name === store ? sql`true` : sql`(i.kind <> 'key' or i.value !~ '^[0-9]+$')`;

const knownIn = (request: string, stores: readonly string[]): RawBuilder<boolean> =>
  sql`exists (select from lethe.identity k where k.request_id = ${sql.ref(request)} and k.store = any (${[...stores]}::text[]))`;

/** The identifier `i` of a request is somebody else's by now, in a store that knows whom the request means. */
const hasPassedOn = ({ identifiers }: PassedOn): RawBuilder<boolean> =>
  // Not correlated, so that the list is read once.
  sql`(i.request_id, i.kind, i.value) in (select p.request, p.kind, p.value
    from jsonb_to_recordset(${JSON.stringify(identifiers)}::jsonb) as p (request bigint, kind text, value text))`;

/**
 * What was found in a store tells others who it is, unless somebody else bears it as well in some store. Where the subject is erased, it was
 * theirs to the end.
 */
const leads = (passedOn: PassedOn): RawBuilder<boolean> =>
  sql`(not exists (select from lethe.subject_identifier o
      where o.request_id = i.request_id and o.kind = i.kind and o.value = i.value and o.shared)
    and (not ${hasPassedOn(passedOn)} or exists (select from lethe.subject e
      where e.request_id = i.request_id and e.store = i.store and e.state = 'executed')))`;

/** Notes that a store holds no root row for the requests that were looked for and not found; `ambiguous` ones were. */
export const saveAbsences = async (
  ctx: Context,
  store: string,
  { ambiguous, passedOn }: { readonly ambiguous: readonly number[]; readonly passedOn: PassedOn },
): Promise<void> => {
  await sql`insert into lethe.subject (request_id, store, key, state)
    select r.id, ${store}, null, 'absent' from lethe.request r where ${due(ctx, store)}
      and not (r.id = any (${[...ambiguous]}::bigint[])) and (${identified("r.id", store)} or not ${knownIn("r.id", passedOn.unasked)})
      and not exists (select from lethe.subject s where s.request_id = r.id and s.store = ${store})`.execute(
    ctx.state.db,
  );
};

/** What other stores have told since about requests whose subject this store did not know. */
export async function* wantedAgain(ctx: Context, store: string, passedOn: PassedOn): AsyncGenerator<Wanted> {
  const query = again(ctx, store, passedOn).compile(ctx.state.db);
  for await (const rows of streamRows(ctx.state.pool, query)) yield* rows;
}

const again = (ctx: Context, store: string, passedOn: PassedOn) => sql<Wanted>`
    select i.request_id as request, i.kind, i.value from lethe.subject s
    join lethe.request r on r.id = s.request_id
    join lethe.subject_identifier i on i.request_id = s.request_id and i.store <> s.store and i.kind not in ('name', 'key')
    where s.store = ${store} and s.state = 'absent' and ${due(ctx, store)} and not ${identified("r.id", store)}
      and ${leads(passedOn)}`;

export const anyWantedAgain = async (ctx: Context, store: string, passedOn: PassedOn): Promise<boolean> => {
  const result = await sql<{ any: boolean }>`select exists (${again(ctx, store, passedOn)}) as any`.execute(
    ctx.state.db,
  );
  return result.rows[0]?.any === true;
};

/** Requests that are to be looked for in other stores, though it is not settled whom they mean there. */
export const unsettledElsewhere = (ctx: Context, store: string): RawBuilder<unknown> => {
  const others = ctx.stores.filter(({ name }) => name !== store);
  return sql`(false${sql.join(
    others.map(({ name }) => sql` or (${due(ctx, name)} and not ${identified("r.id", name)})`),
    sql``,
  )})`;
};

const settled = (ctx: Context, store: string, among: RawBuilder<unknown>) => sql<Wanted>`
    with settled as materialized (select r.id, k.key from lethe.request r
      join lethe.identity k on k.request_id = r.id and k.store = ${store} and not k.gone where ${among})
    select s.id as request, 'identity' as kind, s.key as value from settled s
    union all select s.id, i.kind, i.value from settled s join lethe.request_identifier i on i.request_id = s.id where ${askedIn(ctx, store)}`;

export const anySettled = async (ctx: Context, store: string, among: RawBuilder<unknown>): Promise<boolean> => {
  const result = await sql<{ any: boolean }>`select exists (${settled(ctx, store, among)}) as any`.execute(
    ctx.state.db,
  );
  return result.rows[0]?.any === true;
};

/** Whom those of the requests `r` mean of which it is settled in a store, and the identifiers as requested. */
export async function* settledIn(ctx: Context, store: string, among: RawBuilder<unknown>): AsyncGenerator<Wanted> {
  for await (const rows of streamRows(ctx.state.pool, settled(ctx, store, among).compile(ctx.state.db))) yield* rows;
}
