import { waitAlone } from "#clickhouse/alone.ts";
import { locateInColumns } from "#clickhouse/locate.ts";
import { withTables } from "#clickhouse/own-tables.ts";
import { readRowSet } from "#clickhouse/prepare.ts";
import { createScope, type ColumnBatch } from "#clickhouse/scope.ts";
import { currentColumnShape } from "#clickhouse/shape.ts";
import type { ColumnStore, Context } from "#context.ts";
import type { Forecast, FoundIn, RequestName } from "#forecast.ts";
import { planHash, planOf } from "#plan/shape.ts";
import type { Located, Wanted } from "#scope/locate.ts";

/**
 * What would happen to some requests in a store of ClickHouse, were it done now. Reads the store, and makes and drops tables of our own in it:
 * whom they are about must not stand in the text of a query.
 */
export const forecastColumns = (
  ctx: Context,
  store: ColumnStore,
  requests: readonly RequestName[],
  lookup: Lookup,
): Promise<Foreseen> => waitAlone(ctx, store.name, () => foresee(ctx, store, requests, lookup));

type Foreseen = { readonly forecast: Forecast; readonly found: readonly FoundIn[] };

/** By what people are looked up, and who was found in the stores before. */
type Lookup = { readonly wanted: AsyncIterable<Wanted>; readonly before: readonly FoundIn[] };

const foresee = async (
  ctx: Context,
  store: ColumnStore,
  requests: readonly RequestName[],
  { wanted, before }: Lookup,
): Promise<Foreseen> => {
  const { shape, catalog } = await currentColumnShape(store);
  const here: Located[] = [];
  for await (const rows of locateInColumns(ctx, store, withKeys(store, wanted, before))) here.push(...rows);
  const byRequest = Map.groupBy(here, ({ request }) => request);
  const one = here.filter(({ request }) => byRequest.get(request)?.length === 1);
  const refs = new Map(requests.map(({ id, ref }) => [id, ref]));
  const subjects = one.map(({ request, key }) => ({ request, ref: refs.get(request) ?? "", key }));
  const located = subjects.map(({ ref }) => ref);
  return withTables(ctx, store, async (own) => {
    const batch: ColumnBatch = { id: own, store, catalog, shape };
    await createScope(batch, subjects);
    const tables = shape.steps.flatMap((step) => (step.kind === "cut" ? [] : [step.table]));
    const rowSets = [];
    for (const table of tables) rowSets.push(await readRowSet(batch, table));
    const plan = planOf(shape, located, { rowSets, remedies: [] });
    const forecast: Forecast = {
      store: store.name,
      shape,
      plan,
      hash: planHash(plan),
      located,
      notFound: requests.filter(({ id }) => !byRequest.has(id)).map(({ ref }) => ref),
      ambiguous: requests.filter(({ id }) => (byRequest.get(id)?.length ?? 0) > 1).map(({ ref }) => ref),
      blocked: [],
      held: [],
    };
    return { forecast, found: one.map((each) => ({ ...each, store: store.name })) };
  });
};

async function* withKeys(
  { policy }: ColumnStore,
  wanted: AsyncIterable<Wanted>,
  keyed: readonly FoundIn[],
): AsyncGenerator<Wanted> {
  yield* wanted;
  for (const { request, store, key } of keyed) {
    if (store === policy.subject.keyOf) yield { request, kind: "identity", value: key };
  }
}
