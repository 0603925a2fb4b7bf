import { columnOf, storeOf } from "#anonymity/measure-table.ts";
import { askedOf, incomplete, refuseSize, type Asked, type SearchOptions } from "#anonymity/search/asked.ts";
import { becomes, topOf, type Hierarchy } from "#anonymity/search/hierarchy.ts";
import { readHierarchies } from "#anonymity/search/read-hierarchies.ts";
import { mostNodes, nodesOf, search, type Answer } from "#anonymity/search/search.ts";
import { createSearchTables } from "#anonymity/search/tables.ts";
import { inPolicy, type InPolicy } from "#anonymity/search/to-policy.ts";
import type { CatalogTable } from "#catalog/catalog.ts";
import type { Context } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";

export type FoundColumn = InPolicy & {
  readonly column: string;
  readonly level: number;
  /** The highest level, one value for all. */
  readonly of: number;
  /** In words. */
  readonly becomes: string;
  /** Of this column, over all rows: 0 to 1. */
  readonly loss: number;
};

export type Found = Answer & {
  readonly store: string;
  readonly table: string;
  readonly wanted: Asked;
  readonly columns: readonly FoundColumn[];
  readonly searchedAt: string;
};

/**
 * The levels of a table's quasi-identifiers that lose least and reach the thresholds, in one read-only snapshot of the store.
 *
 * Throws `HIERARCHIES_MISSING`, `HIERARCHIES_INVALID` with file, line and column, also where a hierarchy does not fit its column or says
 * nothing of values that the table holds; `USAGE` for what does not exist; `DATABASE_…`; `ROW_SECURITY` where rows would be hidden.
 */
export const searchTable = async (ctx: Context, options: SearchOptions): Promise<Found> => {
  const store = storeOf(ctx, options.store);
  const read = await readHierarchies(options.hierarchies);
  return withStoreSession(store, async (session) => {
    const catalog = await inTransaction(session, "read-only", () => catalogOf(session));
    const { table, wanted, question } = askedOf(store, catalog, read, options);
    refuseSize(nodesOf(question), mostNodes);
    await createSearchTables(session.db, question);
    const answer = await inTransaction(session, "read-only", () => search(session.db, question, wanted));
    if ("missed" in answer) throw incomplete(read, answer.missed);
    const columns = read.hierarchies.map((hierarchy, index) => foundColumn(hierarchy, answer.best, index, table));
    const searchedAt = ctx.clock.now().toString();
    return { store: store.name, table: options.table, wanted, ...answer, columns, searchedAt };
  });
};

export const foundColumn = (
  hierarchy: Hierarchy,
  { levels, losses }: { readonly levels: readonly number[]; readonly losses: readonly number[] },
  index: number,
  table: CatalogTable,
): FoundColumn => {
  const level = levels[index] ?? 0;
  const loss = losses[index] ?? 0;
  const column = columnOf(table, hierarchy.column);
  return {
    column: hierarchy.column,
    level,
    of: topOf(hierarchy),
    becomes: becomes(hierarchy, level),
    loss,
    ...inPolicy(hierarchy, level, column),
  };
};
