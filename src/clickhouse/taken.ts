import {
  inScope,
  ofBatch,
  onDisk,
  own,
  ownName,
  rowHash,
  storedColumns,
  typeIn,
  type ColumnBatch,
} from "#clickhouse/scope.ts";
import { id, list, tableIn } from "#clickhouse/sql.ts";
import { LetheError } from "#lib/errors.ts";

/** In a table of rows as they were: whose they are, and what they say in 16 bytes. */
export const takenRequest = id("lethe_request");
const takenHash = id("lethe_hash");

/**
 * Takes down the rows of a batch in a table, all of them in one read: what they become, how many they are and what they add up to is asked of
 * these, whatever else is written meanwhile.
 */
export const takeRows = async (batch: ColumnBatch, place: number, table: string): Promise<void> => {
  const { client } = batch.store;
  const columns = storedColumns(batch, table);
  const typed = columns.map((column) => `${id(column)} ${typeIn(batch, table, column)}`);
  const taken = own(batch, "taken", place);
  await client.run(
    `create table ${taken} (${takenRequest} UInt64, ${takenHash} FixedString(16), ${list(typed)}) engine = MergeTree order by ${takenHash} ${onDisk}`,
  );
  const values = list(columns.map((column) => `t.${id(column)}`));
  await client.run(
    `insert into ${taken} select w.lethe_request, assumeNotNull(t.${takenHash}), ${values} from ${inScope(batch, table, `${rowHash(columns)} as ${takenHash}`)}`,
  );
};

/** The condition on rows of a table that were taken down. */
export const wereTaken = (batch: ColumnBatch, place: number, table: string, columns: readonly string[]): string =>
  `${ofBatch(batch, table)} and ${rowHash(columns)} in (select ${takenHash} from ${own(batch, "taken", place)})`;

/** Whether the rows that were taken down are still in their table, neither more nor fewer that say the same. */
export const areAsTaken = async (batch: ColumnBatch, place: number, table: string): Promise<boolean> => {
  const { client } = batch.store;
  const where = wereTaken(batch, place, table, storedColumns(batch, table));
  const there = await countOf(batch, `${tableIn(client.database, table)} where ${where}`);
  const now = await countOf(batch, `${tableIn(client.database, table)} where ${ofBatch(batch, table)}`);
  return there === now && there === (await countOf(batch, own(batch, "taken", place)));
};

export const countOf = async ({ store }: ColumnBatch, source: string): Promise<number> => {
  const [row] = await store.client.rows<{ rows: number }>(`select count() as rows from ${source}`);
  return row?.rows ?? 0;
};

/** The columns that were taken down. Refuses to go on where the table has others by now: what was prepared does not fit it any more. */
export const columnsTaken = async (batch: ColumnBatch, place: number, table: string): Promise<readonly string[]> => {
  const { client, name } = batch.store;
  const rows = await client.rows<{ name: string; type: string }>(
    "select name, type from system.columns where database = {database:String} and table = {table:String} and name not in ('lethe_request', 'lethe_hash') order by position",
    { database: client.database, table: ownName(batch.id, "taken", place) },
  );
  const now = batch.catalog.columnTables.get(table)?.types ?? new Map<string, string>();
  const same = rows.length === now.size && rows.every((column) => now.get(column.name) === column.type);
  if (same) return rows.map((column) => column.name);
  throw new LetheError(
    "COLUMNS_UNDECIDED",
    `store ${name}: the columns of ${table} changed while a batch was half done`,
    {
      hint: "give the table the columns back that it had, with their types, and run again; then change it",
    },
  );
};
