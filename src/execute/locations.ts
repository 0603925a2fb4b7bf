import { sql } from "kysely";
import { everyStore, type Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { due } from "#execute/claims.ts";
import { stopRequests, subjectHeld } from "#execute/stops.ts";
import type { IdentifierKind } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import type { Located, Wanted } from "#scope/locate.ts";

/** Whether it is settled whom a request means in a store. */
export const identified = (request: string, store: string) =>
  sql`exists (select from lethe.identity k where k.request_id = ${sql.ref(request)} and k.store = ${store})`;

/** Forgets in what state subjects were found in earlier nights; not whom the requests mean. */
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
  normalise: (kind: IdentifierKind, value: string) => string,
): Promise<readonly number[]> => {
  const ambiguous: number[] = [];
  const save = async (rows: readonly Located[]): Promise<void> => {
    if (rows.length === 0) return;
    ambiguous.push(...(await saveChunk(ctx, run, store, rows, normalise)));
  };
  // Rows come ordered by request, and those of one request may straddle two chunks: the last request of a chunk waits for the next, since
  // whom a request means is saved for good.
  let held: readonly Located[] = [];
  for await (const rows of found) {
    const all = [...held, ...rows];
    const last = all.at(-1)?.request;
    held = all.filter(({ request }) => request === last);
    await save(all.filter(({ request }) => request !== last));
  }
  await save(held);
  return ambiguous;
};

const saveChunk = async (
  ctx: Context,
  run: Run,
  store: string,
  rows: readonly Located[],
  normalise: (kind: IdentifierKind, value: string) => string,
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
    // Where nobody was found before another store told more.
    await sql`delete from lethe.subject where store = ${store} and request_id = any (${several.map(({ request }) => request)}::bigint[])`.execute(
      tx,
    );
    await sql`insert into lethe.subject (request_id, store, key, state)
      select request, ${store}, key, 'located' from jsonb_to_recordset(${JSON.stringify(subjects)}::jsonb) as x (request bigint, key text)
      on conflict (request_id, store) do update set key = excluded.key, state = 'located' where lethe.subject.state = 'absent'`.execute(
      tx,
    );
    await sql`insert into lethe.identity (request_id, store, key)
      select request, ${store}, key from jsonb_to_recordset(${JSON.stringify(subjects)}::jsonb) as x (request bigint, key text)
      on conflict do nothing`.execute(tx);
    // Until it is known who else bears it, it leads into no other store.
    const shared = everyStore(ctx).length > 1;
    await sql`insert into lethe.subject_identifier (request_id, store, kind, value, shared)
      select request, ${store}, kind, value, ${shared}::boolean from jsonb_to_recordset(${JSON.stringify(identifiers)}::jsonb)
        as x (request bigint, kind text, value text)
      on conflict do nothing`.execute(tx);
  });
  const hint =
    "its identifiers name more than one root row: find out which is meant, and refuse this request; then add one with nothing but what names that row alone, such as its key";
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

/** Whether anybody is under a legal hold: the person of a request, or one who has asked for nothing. */
export const anyHeld = async ({ state }: Context): Promise<boolean> => {
  const { rows } = await sql<{ any: boolean }>`select exists (select from lethe.request where state = 'held')
    or exists (select from lethe.hold where kind = 'subject' and released_at is null) as any`.execute(state.db);
  return rows[0]?.any === true;
};

/** By what people under a legal hold are looked up in a store. Of holds on people who have asked for nothing the number is negative. */
export async function* heldIn(ctx: Context, store: string): AsyncGenerator<Wanted> {
  const first = ctx.stores[0]?.name === store;
  const query = sql<Wanted>`
    with held as materialized (select r.id from lethe.request r where r.state = 'held'),
    subjects as materialized (select h.id from lethe.hold h where h.kind = 'subject' and h.released_at is null)
    select held.id as request, i.kind, i.value from held join lethe.request_identifier i on i.request_id = held.id
    where (${first} or i.kind <> 'key' or i.value !~ '^[0-9]+$') and not i.settled and not ${identified("held.id", store)}
    union select k.request_id, 'identity', k.key from held join lethe.identity k on k.request_id = held.id and k.store = ${store} and not k.gone
    union select -h.id, i.kind, i.value from subjects h join lethe.hold_identifier i on i.hold_id = h.id
    where (${first} or i.kind <> 'key' or i.value !~ '^[0-9]+$')
      and not exists (select from lethe.hold_subject k where k.hold_id = h.id and k.store = ${store})
    union select -k.hold_id, 'identity', k.key from subjects h join lethe.hold_subject k on k.hold_id = h.id and k.store = ${store}`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}

/**
 * A hold is on a person: whoever else asks for the same person's erasure waits as well. Returns those. Whom the held request means is settled
 * as for any other: later somebody else may have the address.
 */
export const stopHeld = async (
  ctx: Context,
  run: Run,
  store: string,
  held: AsyncIterable<readonly Located[]>,
): Promise<readonly number[]> => {
  const stopped: number[] = [];
  const found = new Map<number, string[]>();
  for await (const rows of held) {
    const keys = rows.map(({ request, key }) => ({ request, key }));
    for (const { request, key } of keys) found.set(request, [...(found.get(request) ?? []), key]);
    const same = await sql<{ request: number; matter: string | null }>`
      select s.request_id as request, string_agg(distinct h.matter, ', ' order by h.matter) as matter from lethe.subject s
      join jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) as x (request bigint, key text) on x.key = s.key and x.request <> s.request_id
      left join lethe.hold h on h.released_at is null and (h.id = -x.request or h.request_id = x.request)
      where s.store = ${store} and s.state = 'located' group by 1`.execute(ctx.state.db);
    const stops = same.rows.map(({ request, matter }) => subjectHeld(request, store, matter));
    await stopRequests(ctx, run, "blocked", stops);
    stopped.push(...stops.map(({ request }) => request));
  }
  const settled = [...found].flatMap(([request, [key, ...others]]) => (others.length === 0 ? [{ request, key }] : []));
  await sql`insert into lethe.identity (request_id, store, key)
    select x.request, ${store}, x.key from jsonb_to_recordset(${JSON.stringify(settled)}::jsonb) as x (request bigint, key text)
    join lethe.request r on r.id = x.request and r.state = 'held' on conflict do nothing`.execute(ctx.state.db);
  await sql`insert into lethe.hold_subject (hold_id, store, key)
    select h.id, ${store}, x.key from jsonb_to_recordset(${JSON.stringify(settled)}::jsonb) as x (request bigint, key text)
    join lethe.hold h on h.id = -x.request and h.kind = 'subject' and h.released_at is null on conflict do nothing`.execute(
    ctx.state.db,
  );
  return stopped;
};
