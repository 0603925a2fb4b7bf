import { belowGate } from "#clickhouse/gate.ts";
import {
  createRows,
  createScope,
  inScope,
  ofBatch,
  own,
  ownName,
  storedColumns,
  type ColumnBatch,
  type Subject,
} from "#clickhouse/scope.ts";
import { made, stepsOf, type Anonymise, type When } from "#clickhouse/steps.ts";
import { id, list, tableIn } from "#clickhouse/sql.ts";
import { readTotals } from "#clickhouse/totals.ts";
import type { TooFew } from "#execute/gate.ts";
import type { Journal, StayRow, StepRow, TotalRow } from "#execute/journal.ts";
import type { RowSet, Stay } from "#records/plan.ts";

/** What a batch will have done once it is carried out. */
export type Prepared = Pick<Journal, "steps" | "totals" | "stays"> & {
  readonly rowSets: readonly RowSet[];
  readonly tooFew: readonly TooFew[];
};

/**
 * Everything of a batch that can be done without changing the store: whose rows it is about, what they become, and whether they may become that.
 * The rows as they will be stand ready in tables of their own. Where somebody is below the gate, only that is told.
 *
 * ClickHouse has no transactions, and changes columns of a key in no way at all. So rows are copied as they will be, and their originals
 * deleted, for every table alike: what is published was measured before, and whoever goes on after a crash finds it.
 */
export const prepareBatch = async (batch: ColumnBatch, subjects: readonly Subject[], when: When): Promise<Prepared> => {
  await createScope(batch, subjects);
  const tooFew: TooFew[] = [];
  for (const { step } of stepsOf(batch)) {
    if (step.kind === "anonymise") tooFew.push(...(await belowGate(batch, step, when)));
  }
  if (tooFew.length > 0) return { tooFew, steps: [], totals: [], stays: [], rowSets: [] };
  const steps: StepRow[] = [];
  const totals: TotalRow[] = [];
  const stays: StayRow[] = [];
  const rowSets: RowSet[] = [];
  for (const { step, place } of stepsOf(batch)) {
    rowSets.push(await readRowSet(batch, step.table));
    steps.push(...(await countRows(batch, step.table, step.kind)));
    if (step.kind === "anonymise") {
      await stage(batch, step, place, when);
      totals.push(...(await readTotals(batch, step, place, when.timeZone)));
    }
    if (step.kind !== "erase") stays.push(...(await countStays(batch, step.table, step.stays)));
  }
  return { tooFew, steps, totals, stays, rowSets };
};

/** How many rows of a table, and which: an order-independent fingerprint of what they say. */
export const readRowSet = async (batch: ColumnBatch, table: string): Promise<RowSet> => {
  const { client } = batch.store;
  const columns = list(storedColumns(batch, table).map(id));
  const [row] = await client.rows<{ rows: number; fingerprint: string }>(
    `select count() as rows, toString(sum(sipHash64(formatRow('RowBinary', ${columns})))) as fingerprint
    from ${tableIn(client.database, table)} where ${ofBatch(batch, table)}`,
  );
  return { table, rows: row?.rows ?? 0, spared: 0, fingerprint: row?.fingerprint ?? "0" };
};

const countRows = async (batch: ColumnBatch, table: string, treatment: string): Promise<readonly StepRow[]> => {
  const rows = await batch.store.client.rows<{ request: number; rows: number }>(
    `select w.request as request, count() as rows from ${inScope(batch, table)} group by request order by request`,
  );
  return rows.map(({ request, rows: count }) => ({
    request,
    table_name: table,
    treatment,
    rows: count,
    clock_first: null,
    clock_last: null,
    undated: 0,
    late: null,
  }));
};

const countStays = async (batch: ColumnBatch, table: string, stays: readonly Stay[]): Promise<readonly StayRow[]> => {
  const found: StayRow[] = [];
  for (const { column } of stays) {
    const rows = await batch.store.client.rows<{ request: number; rows: number }>(
      `select w.request as request, countIf(t.${id(column)} is not null and toString(t.${id(column)}) <> '') as rows
      from ${inScope(batch, table)} group by request having rows > 0 order by request`,
    );
    for (const { request, rows: count } of rows) {
      found.push({ request, table_name: table, column_name: column, rows: count, clock_last: null });
    }
  }
  return found;
};

/**
 * The rows as they will be, in a random order: those of one person must not lie side by side (requirement D4). A copy of a table has its keys
 * and its engine, which moving whole partitions between them asks for.
 */
const stage = async (batch: ColumnBatch, step: Anonymise, place: number, when: When): Promise<void> => {
  const { client } = batch.store;
  const table = tableIn(client.database, step.table);
  const staged = own(batch, "staged", place);
  await createRows(batch, place, step.table);
  await client.run(`create table ${tableIn(client.database, ownName(batch.id, "staged", place))} as ${table}`);
  await client.run(`alter table ${staged} modify setting fsync_after_insert = 1, fsync_part_directory = 1`);
  await client.run(
    `insert into ${staged} (${list(storedColumns(batch, step.table).map(id))}) select ${made(batch, step, when)}
    from (select * from ${table} where ${ofBatch(batch, step.table)} order by rand64()) t`,
  );
};
