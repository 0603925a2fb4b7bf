import { waitUntil } from "#clickhouse/patience.ts";
import { list, tableIn } from "#clickhouse/sql.ts";
import type { ColumnStore, Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";

const remain = (message: string, hint: string): LetheError => new LetheError("PARTS_REMAIN", message, { hint });

/**
 * Waits until nothing on the disk of the server holds rows of the tables as they were: parts that were replaced, which ClickHouse keeps for a while
 * (`old_parts_lifetime`); parts in which somebody's lightweight DELETE only hides rows; parts that were detached. Those that others' work
 * leaves behind meanwhile are not waited for.
 */
export const waitForParts = async (ctx: Context, store: ColumnStore, tables: readonly string[]): Promise<void> => {
  if (tables.length === 0) return;
  await refuseDetached(store, tables);
  await rewriteHidden(ctx, store, tables);
  const { client, name } = store;
  const { database } = client;
  const replaced = await client.rows<{ part: string }>(
    "select concat(table, '/', name) as part from system.parts where database = {database:String} and table in {tables:Array(String)} and not active",
    { database, tables },
  );
  const gone = async (): Promise<boolean> => {
    // Left alone ClickHouse looks for parts to remove every ten minutes or so; dropping a partition that no table can have makes it look at once.
    for (const table of tables) await client.run(`alter table ${tableIn(database, table)} drop partition id 'none'`);
    const [left] = await client.rows<{ parts: number }>(
      "select count() as parts from system.parts where database = {database:String} and not active and concat(table, '/', name) in {replaced:Array(String)}",
      { database, replaced: replaced.map(({ part }) => part) },
    );
    return left?.parts === 0;
  };
  if (replaced.length === 0) return;
  await waitUntil(ctx, store, gone, () =>
    remain(
      `store ${name}: parts with rows as they were are still on disk`,
      "ClickHouse removes them after `old_parts_lifetime`, unless a long query reads them; the next run looks again",
    ),
  );
};

const refuseDetached = async ({ client, name }: ColumnStore, tables: readonly string[]): Promise<void> => {
  const [detached] = await client.rows<{ table: string }>(
    "select table from system.detached_parts where database = {database:String} and table in {tables:Array(String)} limit 1",
    { database: client.database, tables },
  );
  if (detached === undefined) return;
  throw remain(
    `store ${name}: table ${detached.table} has detached parts, which nothing searches`,
    "attach or drop what system.detached_parts lists: they may hold people's rows as they were",
  );
};

const rewriteHidden = async (ctx: Context, store: ColumnStore, tables: readonly string[]): Promise<void> => {
  const { client, name } = store;
  const { database } = client;
  const hiding = async (): Promise<readonly string[]> => {
    const rows = await client.rows<{ table: string }>(
      "select distinct table from system.parts where database = {database:String} and table in {tables:Array(String)} and active and has_lightweight_delete",
      { database, tables },
    );
    return rows.map(({ table }) => table);
  };
  const found = await hiding();
  if (found.length === 0) return;
  for (const table of found) {
    await client.run(`alter table ${tableIn(database, table)} apply deleted mask settings mutations_sync = 0`);
  }
  await waitUntil(
    ctx,
    store,
    async () => (await hiding()).length === 0,
    () =>
      remain(
        `store ${name}: rows that a lightweight DELETE has hidden are still in parts of ${list(found)}`,
        "run ALTER TABLE … APPLY DELETED MASK when nobody deletes that way; the next run looks again",
      ),
  );
};
