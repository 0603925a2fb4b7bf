import { waitAlone } from "#clickhouse/alone.ts";
import { measureColumnsNow } from "#clickhouse/anonymity.ts";
import { withTables } from "#clickhouse/own-tables.ts";
import { waitForParts } from "#clickhouse/parts.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { searchColumns, withSought } from "#clickhouse/search.ts";
import { tableIn, id, ownPrefix } from "#clickhouse/sql.ts";
import type { ColumnStore, Context } from "#context.ts";
import type { Hit } from "#verify/search.ts";
import { soughtKeys } from "#verify/settle.ts";
import type { Sought, SoughtKey } from "#verify/sought.ts";
import type { StoreFindings } from "#verify/verify-store.ts";

type SoughtThere = { readonly identifiers: AsyncIterable<Sought>; readonly keys: AsyncIterable<SoughtKey> };
type Findings = Omit<StoreFindings, "tables">;

/**
 * Searches a store of ClickHouse for everything that should be gone, once the parts with rows as they were are gone from disk; and for the
 * people's keys in the columns that say whose a row is: what somebody has written about them since is found there.
 */
export const verifyColumns = async (
  ctx: Context,
  store: ColumnStore,
  sought: SoughtThere,
  changed: ReadonlySet<string>,
): Promise<Findings> => {
  const { tables } = await readColumnCatalog(store);
  const treated = Object.entries(store.policy.tables).flatMap(([table, { treatment }]) =>
    treatment === "keep" || !tables.has(table) ? [] : [table],
  );
  await waitForParts(ctx, store, treated);
  return waitAlone(ctx, store.name, () => searchAlone(ctx, store, sought, changed));
};

const searchAlone = async (
  ctx: Context,
  store: ColumnStore,
  sought: SoughtThere,
  changed: ReadonlySet<string>,
): Promise<Findings> => {
  const { client } = store;
  const catalog = await readColumnCatalog(store);
  const tables = [...catalog.tables.values()].filter(({ kind }) => kind === "table");
  const hits = await withTables(ctx, store, async (own) => {
    const ours = (what: string): string => tableIn(client.database, `${ownPrefix(own)}${what}`);
    const found = await withSought(client, ours("sought"), sought.identifiers, async (profile) => {
      const all: Hit[] = [];
      for (const [index, table] of tables.entries()) {
        all.push(...(await searchColumns(client, ours("sought"), table, profile)));
        ctx.progress.advance(index + 1, tables.length, "tables");
      }
      return all;
    });
    return [...found, ...(await searchKeys(ctx, store, ours("keys"), sought.keys))];
  });
  return { hits, catalog, anonymity: await measureColumnsNow(ctx, store, catalog, changed) };
};

const searchKeys = async (
  ctx: Context,
  { client, policy }: ColumnStore,
  ours: string,
  keys: AsyncIterable<SoughtKey>,
): Promise<readonly Hit[]> => {
  const { table, key, keyOf } = policy.subject;
  const owning = [
    { table, column: key },
    ...policy.links.filter(({ to }) => to.table === table && to.column === key).map(({ from }) => from),
  ].filter(({ table: name }) => policy.tables[name]?.treatment !== "keep");
  await client.run(`create table ${ours} (request UInt64, key String) engine = Memory`);
  await client.insert(ours, ["request", "key"], known(keys));
  // Whose rows are to be told by a key of another store may have come only after they were looked for.
  if (keyOf !== undefined) {
    await client.insert(ours, ["request", "key"], known(soughtKeys(ctx, keyOf)));
  }
  const hits: Hit[] = [];
  for (const { table: name, column } of owning) {
    const found = await client.rows<{ request: number; found: number }>(
      `select w.request as request, count() as found from (select ifNull(toString(${id(column)}), '') as lethe_key from ${tableIn(client.database, name)}) t
      inner join (select distinct request, key from ${ours}) w on t.lethe_key = w.key group by request order by request`,
    );
    hits.push(...found.map((row) => ({ request: row.request, rows: row.found, table: name, column })));
  }
  return hits;
};

async function* known(keys: AsyncIterable<SoughtKey>): AsyncGenerator<readonly unknown[]> {
  for await (const { request, key } of keys) if (key !== null) yield [request, key];
}
