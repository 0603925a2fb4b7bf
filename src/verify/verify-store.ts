import type { Catalog } from "#catalog/catalog.ts";
import type { Context, Store } from "#context.ts";
import { databaseError } from "#db/database-error.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { readCatalog } from "#catalog/read.ts";
import type { Anonymity } from "#records/anonymity.ts";
import { measureAnonymity } from "#verify/anonymity.ts";
import { loadKeys, loadSought, type Sought, type SoughtKey } from "#verify/sought.ts";
import { ownedByOthers } from "#verify/others.ts";
import { searchStatistics, searchTable, type Hit } from "#verify/search.ts";

export type StoreFindings = {
  readonly hits: readonly Hit[];
  readonly anonymity: readonly Anonymity[];
  readonly tables: number;
  readonly catalog: Catalog;
};

/**
 * Searches one store for everything that should be gone, in one read-only snapshot, and measures what anonymised tables look like
 * now. `sought` streams the identifiers of all subjects; `changed` names the anonymised tables to measure.
 */
export const verifyStore = async (
  ctx: Context,
  store: Store,
  sought: { readonly identifiers: AsyncIterable<Sought>; readonly keys: AsyncIterable<SoughtKey> },
  changed: ReadonlySet<string>,
): Promise<StoreFindings> =>
  withClient(store.pool, async (client) => {
    const db = kyselyOn(client);
    try {
      await client.query("set row_security = off");
      // A read-only transaction may fill a temporary table, but not create it. Unlogged and gone with the session.
      await client.query(
        "create temporary table lethe_sought (request bigint not null, identifier int not null, kind text not null, form text not null)",
      );
      await client.query("create temporary table lethe_sought_key (request bigint not null, key text)");
      await client.query("begin isolation level repeatable read read only");
      const catalog = await readCatalog(client, { store: store.name, schemas: store.config.schemas });
      // Both would do per row of a large table what one hash of what is sought does once.
      await client.query("set local enable_mergejoin = off");
      await client.query("set local jit = off");
      // A cell may be cut into thousands of tokens, the planner thinks, and one process would have to cut them all.
      await client.query("set local parallel_tuple_cost = 0");
      await client.query("set local enable_memoize = off");
      const profile = await loadSought(client, sought.identifiers);
      await loadKeys(client, sought.keys);
      const hits = await searchAll(ctx, catalog, (table) => searchTable(db, table, profile));
      hits.push(...(await searchStatistics(db, catalog, profile)));
      if (hits.length > 0 && (await ownedByOthers(db, store.policy.subject, hits)) > 0) {
        // What a living person's own row also says is theirs: search again without it.
        const places = new Set(hits.map((hit) => hit.table));
        hits.length = 0;
        hits.push(
          ...(await searchAll(ctx, catalog, async (table) =>
            places.has(table.name) ? searchTable(db, table, profile) : [],
          )),
        );
        hits.push(...(await searchStatistics(db, catalog, profile)));
      }
      const anonymity = await measureAnonymity(ctx, db, store, catalog, changed);
      await client.query("commit");
      await client.query("drop table pg_temp.lethe_sought, pg_temp.lethe_sought_key");
      return { hits, anonymity, tables: searchable(catalog).length, catalog };
    } catch (error) {
      await client.query("rollback").catch(() => undefined);
      throw databaseError(error, store.name);
    }
  });

const searchable = (catalog: Catalog) => [...catalog.tables.values()].filter((table) => table.kind !== "view");

const searchAll = async (
  ctx: Context,
  catalog: Catalog,
  search: (table: Parameters<typeof searchTable>[1]) => Promise<readonly Hit[]>,
): Promise<Hit[]> => {
  const tables = searchable(catalog);
  const hits: Hit[] = [];
  for (const [index, table] of tables.entries()) {
    hits.push(...(await search(table)));
    ctx.progress.advance(index + 1, tables.length, "tables");
  }
  return hits;
};
