import { sql } from "kysely";
import type { Catalog } from "#catalog/catalog.ts";
import type { Context, Store } from "#context.ts";
import { rowHoldsIn } from "#db/row-holds.ts";
import type { Failure } from "#execute/failure.ts";
import { journalled } from "#execute/journal.ts";
import { stopRequests, type Stop } from "#execute/stops.ts";
import { readableHolds } from "#holds/readable.ts";
import type { Work } from "#night/erasure.ts";
import { heldStage } from "#plan/held.ts";
import type { HeldRows, ReadableHold } from "#records/hold.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import type { ScopeSubject } from "#scope/derive.ts";

/** Whose rows holds cover, and who of them needs a remedy. */
export type Held = { readonly rows: readonly HeldRows[]; readonly remedied: ReadonlySet<number> };

/** The holds on rows of a store as they are now: one that is placed while a night runs wins at the next commit. */
export const holdsNow = async (ctx: Context, { name }: Store, catalog: Catalog): Promise<readonly ReadableHold[]> =>
  readableHolds(catalog, await rowHoldsIn(ctx.state.db, name));

/** Erases what a part of the shape says; returns the requests that failed at it, and why. */
export type ErasePart = (work: Work, subjects: readonly ScopeSubject[]) => Promise<ReadonlyMap<number, NotDone>>;

type NotDone = Pick<Failure, "code" | "detail">;

/**
 * Of subjects some of whose rows are under a legal hold: erases what no hold needs, once, and lets the request wait with the matter's reference.
 * It is looked at again every night, and goes on by itself when nothing is covered any more. A crash in between leaves the part in the
 * store's journal, which the next night reads.
 */
export const holdBack = async (
  work: Work,
  { rows, remedied }: Held,
  subjects: readonly ScopeSubject[],
  erasePart: ErasePart,
): Promise<void> => {
  const { ctx, session } = work;
  const holds = await holdsNow(ctx, session.store, work.catalog);
  const byRequest = Map.groupBy(rows, ({ request }) => request);
  const tablesOf = ({ request }: ScopeSubject): string =>
    JSON.stringify((byRequest.get(request) ?? []).map(({ table }) => table));
  const failed = new Map<number, NotDone>();
  for (const [tables, some] of Map.groupBy(
    subjects.filter(({ request }) => byRequest.has(request)),
    tablesOf,
  )) {
    const part = partOf(work, JSON.parse(tables) as string[], holds);
    if (part === undefined) continue;
    const done = await partsDone(work, part, some);
    const able = some.filter(({ request }) => !remedied.has(request) && !done.has(request));
    for (const [request, failure] of await erasePart({ ...work, shape: part }, able)) failed.set(request, failure);
  }
  await work.records.complete();
  for (const [request, held] of byRequest) {
    work.heldBack.push(stopOf(session.store.name, request, held, failed.get(request)));
  }
};

/** Puts on record who waits for legal holds on rows, in whichever stores: the first says where, and the matters are those of all. */
export const stopHeldBack = async (ctx: Context, run: Run, heldBack: readonly Stop[]): Promise<void> => {
  const stops = [...Map.groupBy(heldBack, ({ request }) => request).values()].flatMap(([first, ...others]): Stop[] => {
    if (first === undefined) return [];
    const matters = [first, ...others].flatMap(({ detail }) => detail.matter?.split(", ") ?? []);
    return [{ ...first, detail: { ...first.detail, matter: [...new Set(matters)].toSorted().join(", ") } }];
  });
  await stopRequests(ctx, run, "blocked", stops);
};

/** Of whom the part is done: by this request, or by another one for the same person, for whom it was counted. */
const partsDone = async (
  { ctx, session }: Work,
  { stage }: Shape,
  subjects: readonly ScopeSubject[],
): Promise<ReadonlySet<number>> => {
  const ids = subjects.map(({ request }) => request);
  const { rows } = await sql<{
    request: number;
    ref: string;
  }>`select i.request_id as request, r.ref from lethe.identity i
    join lethe.identity o on o.store = i.store and o.key = i.key join lethe.request r on r.id = o.request_id
    where i.store = ${session.store.name} and i.request_id = any (${ids}::bigint[])`.execute(ctx.state.db);
  const done = await journalled(session, stage, [...new Set([...subjects, ...rows].map(({ ref }) => ref))]);
  return new Set([...subjects, ...rows].flatMap(({ request, ref }) => (done.has(ref) ? [request] : [])));
};

/** An encrypted copy is one file, written before the first change: with copies, nothing goes before all can. */
const partOf = ({ ctx, shape }: Work, tables: readonly string[], holds: readonly ReadableHold[]): Shape | undefined =>
  ctx.config.export === undefined ? heldStage(shape, tables, holds) : undefined;

const stopOf = (store: string, request: number, held: readonly HeldRows[], failure: NotDone | undefined): Stop => {
  const [first] = held;
  const matters = [...new Set(held.flatMap((each) => each.matters))].toSorted();
  const detail = {
    ...failure?.detail,
    store,
    ...(first === undefined ? {} : { table: first.table, rows: first.rows }),
    matter: matters.join(", "),
    ...(failure !== undefined && { also: [failure.code] }),
    hint: "a legal hold covers rows of the person: it goes on by itself when the hold is released, see `lethe hold list`",
  };
  return { request, code: "LEGAL_HOLD", detail };
};
