import { belowGate } from "#clickhouse/gate.ts";
import {
  createScope,
  inScope,
  ofBatch,
  own,
  storedColumns,
  type ColumnBatch,
  type Subject,
} from "#clickhouse/scope.ts";
import { made, stepsOf, type Anonymise, type When } from "#clickhouse/steps.ts";
import { id, list, tableIn } from "#clickhouse/sql.ts";
import { areAsTaken, countOf, takeRows } from "#clickhouse/taken.ts";
import { readTotals } from "#clickhouse/totals.ts";
import type { TooFew } from "#execute/too-few.ts";
import type { Journal, StayRow, StepRow, TotalRow } from "#execute/journal.ts";
import { LetheError } from "#lib/errors.ts";
import type { RowSet, Stay } from "#records/plan.ts";

/** What a batch will have done once it is carried out. */
export type Prepared = Pick<Journal, "steps" | "totals" | "stays"> & {
  readonly rowSets: readonly RowSet[];
  readonly tooFew: readonly TooFew[];
  /** Somebody has written or deleted rows of the batch meanwhile: it is to be prepared anew. */
  readonly moved: boolean;
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
  const nothing: Prepared = { tooFew: [], steps: [], totals: [], stays: [], rowSets: [], moved: false };
  const anonymised = stepsOf(batch).flatMap(({ step, place }) => (step.kind === "anonymise" ? [{ step, place }] : []));
  const tooFew: TooFew[] = [];
  for (const { step, place } of anonymised) {
    await takeRows(batch, place, step.table);
    tooFew.push(...(await belowGate(batch, step, place, when)));
  }
  if (tooFew.length > 0) return { ...nothing, tooFew };
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
  for (const { step, place } of anonymised) {
    if (!(await areAsTaken(batch, place, step.table))) return { ...nothing, moved: true };
  }
  return { ...nothing, steps, totals, stays, rowSets };
};

/** How many rows of a table, and which: an order-independent fingerprint of what they say. */
export const readRowSet = async (batch: ColumnBatch, table: string): Promise<RowSet> => {
  const { client } = batch.store;
  const columns = list(storedColumns(batch, table).map(id));
  const [row] = await client.rows<{ lethe_rows: number; lethe_fingerprint: string }>(
    `select count() as lethe_rows, toString(sum(sipHash64(formatRow('RowBinary', ${columns})))) as lethe_fingerprint
    from ${tableIn(client.database, table)} where ${ofBatch(batch, table)}`,
  );
  return { table, rows: row?.lethe_rows ?? 0, spared: 0, fingerprint: row?.lethe_fingerprint ?? "0" };
};

type Counted = { readonly lethe_request: number; readonly lethe_rows: number };

const countRows = async (batch: ColumnBatch, table: string, treatment: string): Promise<readonly StepRow[]> => {
  const rows = await batch.store.client.rows<Counted>(
    `select w.lethe_request as lethe_request, count() as lethe_rows from ${inScope(batch, table)} group by lethe_request order by lethe_request`,
  );
  return rows.map(({ lethe_request: request, lethe_rows: count }) => ({
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
    const rows = await batch.store.client.rows<Counted>(
      `select w.lethe_request as lethe_request, countIf(ifNull(toString(t.${id(column)}), '') <> '') as lethe_rows
      from ${inScope(batch, table)} group by lethe_request having lethe_rows > 0 order by lethe_request`,
    );
    for (const { lethe_request: request, lethe_rows: count } of rows) {
      found.push({ request, table_name: table, column_name: column, rows: count, clock_last: null });
    }
  }
  return found;
};

/**
 * The rows as they will be, in a random order: those of one person must not lie side by side (requirement D4). A copy of a table has its keys
 * and its engine, which moving whole partitions between them asks for; but not its TTL, which would take rows before they are in place.
 */
const stage = async (batch: ColumnBatch, step: Anonymise, place: number, when: When): Promise<void> => {
  const { client, name } = batch.store;
  const { database } = client;
  const staged = own(batch, "staged", place);
  await client.run(`create table ${staged} as ${tableIn(database, step.table)}`);
  if (/\sTTL\s/.test(batch.catalog.columnTables.get(step.table)?.definition ?? ""))
    await client.run(`alter table ${staged} remove ttl`);
  await client.run(`alter table ${staged} modify setting fsync_after_insert = 1, fsync_part_directory = 1`);
  const taken = own(batch, "taken", place);
  await client.run(
    `insert into ${staged} (${list(storedColumns(batch, step.table).map(id))}) select ${made(batch, step, when)}
    from (select * from ${taken} order by rand64()) t`,
  );
  if ((await countOf(batch, staged)) === (await countOf(batch, taken))) return;
  throw new LetheError("TOTALS_CHANGED", `store ${name}: ${step.table} would not have as many rows as before`, {
    hint: "a TTL of a column, a constraint or a default of the table takes them: look what becomes of a row that is inserted with the policy's values",
  });
};
