import type { Catalog } from "#catalog/catalog.ts";
import type { Context, Store } from "#context.ts";
import { rowHoldsIn } from "#db/row-holds.ts";
import { journalled } from "#execute/journal.ts";
import { stopRequests, type Stop } from "#execute/stops.ts";
import { readableHolds } from "#holds/readable.ts";
import type { Work } from "#night/erasure.ts";
import { heldStage } from "#plan/held.ts";
import type { HeldRows, ReadableHold } from "#records/hold.ts";
import type { Shape } from "#records/plan.ts";
import type { ScopeSubject } from "#scope/derive.ts";

/** Whose rows holds cover, and who of them needs a remedy. */
export type Held = { readonly rows: readonly HeldRows[]; readonly remedied: ReadonlySet<number> };

/** The holds on rows of a store as they are now: one that is placed while a night runs wins at the next commit. */
export const holdsNow = async (ctx: Context, { name }: Store, catalog: Catalog): Promise<readonly ReadableHold[]> =>
  readableHolds(catalog, await rowHoldsIn(ctx.state.db, name));

/** Erases what a part of the shape says; returns the requests that failed at it. */
type ErasePart = (work: Work, subjects: readonly ScopeSubject[]) => Promise<ReadonlySet<number>>;

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
  const { ctx, run, session } = work;
  const byRequest = Map.groupBy(rows, ({ request }) => request);
  const tablesOf = ({ request }: ScopeSubject): string =>
    JSON.stringify((byRequest.get(request) ?? []).map(({ table }) => table));
  const failed = new Set<number>();
  for (const [tables, some] of Map.groupBy(
    subjects.filter(({ request }) => byRequest.has(request)),
    tablesOf,
  )) {
    const part = partOf(work, JSON.parse(tables) as string[]);
    if (part === undefined) continue;
    const done = await journalled(
      session,
      part.stage,
      some.map(({ ref }) => ref),
    );
    const able = some.filter(({ request, ref }) => !remedied.has(request) && !done.has(ref));
    for (const request of await erasePart({ ...work, shape: part }, able)) failed.add(request);
  }
  await work.records.complete();
  const stops = [...byRequest].flatMap(([request, held]) =>
    failed.has(request) ? [] : [stopOf(session.store.name, request, held)],
  );
  await stopRequests(ctx, run, "blocked", stops);
};

/** An encrypted copy is one file, written before the first change: with copies, nothing goes before all can. */
const partOf = ({ ctx, shape }: Work, tables: readonly string[]): Shape | undefined =>
  ctx.config.export === undefined ? heldStage(shape, tables) : undefined;

const stopOf = (store: string, request: number, held: readonly HeldRows[]): Stop => {
  const [first] = held;
  const matters = [...new Set(held.flatMap((each) => each.matters))].toSorted();
  const detail = {
    store,
    ...(first === undefined ? {} : { table: first.table, rows: first.rows }),
    matter: matters.join(", "),
    hint: "a legal hold covers rows of the person: it goes on by itself when the hold is released, see `lethe hold list`",
  };
  return { request, code: "LEGAL_HOLD", detail };
};
