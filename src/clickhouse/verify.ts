import { measureColumnsNow } from "#clickhouse/anonymity.ts";
import { waitForParts } from "#clickhouse/change.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { searchColumns, withSought } from "#clickhouse/search.ts";
import { tableIn, id, ownPrefix } from "#clickhouse/sql.ts";
import type { ColumnStore, Context } from "#context.ts";
import type { Hit } from "#verify/search.ts";
import type { Sought, SoughtKey } from "#verify/sought.ts";
import type { StoreFindings } from "#verify/verify-store.ts";

/**
 * Searches a store of ClickHouse for everything that should be gone, once the parts with rows as they were are gone from disk; and for the
 * people's keys in the columns that say whose a row is: what somebody has written about them since is found there.
 */
export const verifyColumns = async (
  ctx: Context,
  store: ColumnStore,
  sought: { readonly identifiers: AsyncIterable<Sought>; readonly keys: AsyncIterable<SoughtKey> },
  changed: ReadonlySet<string>,
): Promise<Omit<StoreFindings, "tables">> => {
  const { client, policy } = store;
  const catalog = await readColumnCatalog(store);
  const treated = Object.entries(policy.tables).flatMap(([table, { treatment }]) =>
    treatment === "keep" ? [] : [table],
  );
  await waitForParts({ store, tables: treated.filter((table) => catalog.tables.has(table)) });
  const tables = [...catalog.tables.values()].filter(({ kind }) => kind === "table");
  const hits = await withSought(client, sought.identifiers, async (profile) => {
    const found: Hit[] = [];
    for (const [index, table] of tables.entries()) {
      found.push(...(await searchColumns(client, table, profile)));
      ctx.progress.advance(index + 1, tables.length, "tables");
    }
    return found;
  });
  hits.push(...(await searchKeys(store, sought.keys)));
  return { hits, catalog, anonymity: await measureColumnsNow(ctx, store, catalog, changed) };
};

const searchKeys = async ({ client, policy }: ColumnStore, keys: AsyncIterable<SoughtKey>): Promise<readonly Hit[]> => {
  const { table, key } = policy.subject;
  const owning = [
    { table, column: key },
    ...policy.links.filter(({ to }) => to.table === table && to.column === key).map(({ from }) => from),
  ].filter(({ table: name }) => policy.tables[name]?.treatment !== "keep");
  const ours = tableIn(client.database, `${ownPrefix}keys`);
  await client.run(`drop table if exists ${ours} sync`);
  await client.run(`create table ${ours} (request UInt64, key String) engine = Memory`);
  try {
    await client.insert(ours, ["request", "key"], known(keys));
    const hits: Hit[] = [];
    for (const { table: name, column } of owning) {
      const found = await client.rows<{ request: number; rows: number }>(
        `select w.request as request, count() as rows from ${tableIn(client.database, name)} t inner join ${ours} w on ifNull(toString(t.${id(column)}), '') = w.key
        group by request order by request`,
      );
      hits.push(...found.map((row) => ({ ...row, table: name, column })));
    }
    return hits;
  } finally {
    await client.run(`drop table if exists ${ours} sync`);
  }
};

async function* known(keys: AsyncIterable<SoughtKey>): AsyncGenerator<readonly unknown[]> {
  for await (const { request, key } of keys) if (key !== null) yield [request, key];
}
