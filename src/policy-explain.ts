import type { Catalog } from "#catalog/catalog.ts";
import { clockedBy, readClockIndexes, type ClockIndex } from "#catalog/clock-index.ts";
import { columnShape } from "#clickhouse/findings.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import type { Context, Store } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";
import { resolveName, unresolved } from "#explain/name.ts";
import { explain, type Explanation } from "#explain/table.ts";
import { LetheError } from "#lib/errors.ts";
import { shapeOf } from "#plan/shape.ts";
import type { Shape } from "#records/plan.ts";

/**
 * What every store's policy does with `name`, `table` or `table.column`, in the stores that have it: from the live schema, changing nothing.
 * Throws USAGE when no store has it, and what is wrong between policy and store.
 */
export const explainName = async (ctx: Context, name: string): Promise<readonly Explanation[]> => {
  const read: Read[] = [];
  for (const store of ctx.stores) {
    const live = await withStoreSession(store, (session) =>
      inTransaction(session, "read-only", async () => ({
        catalog: await catalogOf(session),
        indexes: await readClockIndexes(session.client, clockedBy(store.policy)),
      })),
    );
    read.push({ store, ...live, shape: (catalog) => shapeOf(store.policy, catalog) });
  }
  for (const store of ctx.columnStores) {
    const catalog = await readColumnCatalog(store);
    read.push({ store, catalog, indexes: [], shape: () => columnShape(store.policy, catalog) });
  }
  const explanations = read.flatMap(({ store: { policy }, catalog, indexes, shape }) => {
    const named = resolveName(catalog, name);
    const table = named === undefined ? undefined : catalog.tables.get(named.table);
    if (table === undefined) return [];
    const explanation = explain(policy, catalog, shape(catalog), table, named?.column);
    const index = indexes.find((each) => each.table === table.name);
    return [{ ...explanation, database: [...explanation.database, ...indexWords(index)] }];
  });
  if (explanations.length > 0) return explanations;
  const catalogs = read.map(({ catalog }) => catalog);
  const { what, meant } = unresolved(catalogs, name);
  throw new LetheError("USAGE", what, {
    hint: meant === undefined ? "name a table, or a column as table.column" : `did you mean \`${meant}\`?`,
  });
};

type Read = {
  readonly store: Pick<Store, "policy">;
  readonly catalog: Catalog;
  readonly indexes: readonly ClockIndex[];
  readonly shape: (catalog: Catalog) => Shape;
};

const indexWords = (index: ClockIndex | undefined): readonly string[] => {
  if (index === undefined || index.proposal.length === 0) return [];
  return [
    `no index finds old rows by ${index.clock}, and every night reads the whole table; to make one:`,
    ...index.proposal.map((statement) => `  ${statement}`),
  ];
};
