import type { Catalog } from "#catalog/catalog.ts";
import type { Context, Store } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";
import { resolveName, unresolved } from "#explain/name.ts";
import { explain, type Explanation } from "#explain/table.ts";
import { LetheError } from "#lib/errors.ts";
import { shapeOf } from "#plan/shape.ts";

/**
 * What every store's policy does with `name`, `table` or `table.column`, in the stores that have it: from the live schema, changing nothing.
 * Throws USAGE when no store has it, and what is wrong between policy and store.
 */
export const explainName = async (ctx: Context, name: string): Promise<readonly Explanation[]> => {
  const catalogs = new Map<Store, Catalog>();
  for (const store of ctx.stores) {
    catalogs.set(
      store,
      await withStoreSession(store, (session) => inTransaction(session, "read-only", () => catalogOf(session))),
    );
  }
  const explanations = [...catalogs].flatMap(([{ policy }, catalog]) => {
    const named = resolveName(catalog, name);
    const table = named === undefined ? undefined : catalog.tables.get(named.table);
    return table === undefined ? [] : [explain(policy, catalog, shapeOf(policy, catalog), table, named?.column)];
  });
  if (explanations.length > 0) return explanations;
  const { what, meant } = unresolved([...catalogs.values()], name);
  throw new LetheError("USAGE", what, {
    hint: meant === undefined ? "name a table, or a column as table.column" : `did you mean \`${meant}\`?`,
  });
};
