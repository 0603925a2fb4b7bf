import { columnGrants } from "#clickhouse/grants.ts";
import type { Context } from "#context.ts";
import { catalogOf, inTransaction, withStoreSession } from "#execute/store-session.ts";
import { grantsFor } from "#init/grants.ts";

export type StoreGrants = { readonly store: string; readonly database: string; readonly grants: readonly string[] };

/** What a role needs to carry out each store's policy on its schema as it is now, and no more. Changes nothing. */
export const grantsOfStores = async (
  { stores, columnStores }: Context,
  role: string,
): Promise<readonly StoreGrants[]> => {
  const found: StoreGrants[] = [];
  for (const store of stores) {
    found.push(
      await withStoreSession(store, (session) =>
        inTransaction(session, "read-only", async () => {
          const catalog = await catalogOf(session);
          const { rows } = await session.client.query<{ name: string }>("select current_database()::text as name");
          const database = rows[0]?.name ?? store.name;
          return { store: store.name, database, grants: grantsFor(store.policy, catalog, role, database) };
        }),
      ),
    );
  }
  for (const store of columnStores) {
    found.push({ store: store.name, database: store.client.database, grants: columnGrants(store, role) });
  }
  return found;
};
