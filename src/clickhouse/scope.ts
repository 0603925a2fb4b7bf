import type { ColumnCatalog } from "#clickhouse/read-catalog.ts";
import { unwrapped } from "#clickhouse/column-types.ts";
import { id, list, ownPrefix, tableIn, text } from "#clickhouse/sql.ts";
import type { ColumnStore } from "#context.ts";
import type { Edge, Scope, Shape } from "#records/plan.ts";

/** A batch in a store, of which tables beside those of the store tell whose rows it is about. */
export type ColumnBatch = {
  readonly id: string;
  readonly store: ColumnStore;
  readonly catalog: ColumnCatalog;
  readonly shape: Shape;
};

export type Subject = { readonly request: number; readonly ref: string; readonly key: string };

/** What tables of a batch are for: whom it is about, rows as they were, what the gate measures, and rows as they will be. */
type Purpose = "way" | "taken" | "cells" | "staged";

/** A table of the batch by its purpose and the place of what it is for. */
export const own = ({ id: batch, store }: ColumnBatch, purpose: Purpose, place: number): string =>
  tableIn(store.client.database, ownName(batch, purpose, place));

export const ownName = (batch: string, purpose: Purpose, place: number): string =>
  `${ownPrefix(batch)}${purpose}_${place}`;

/** What a power failure must not take while rows are between two tables. */
export const onDisk = "settings fsync_after_insert = 1, fsync_part_directory = 1";

/** The columns by whose values rows of the batch are found: the subject's key, then what links lead to. */
export const waysOf = ({ root, scopes }: Shape): readonly string[] => [
  ...new Set([wayName(root.table, root.key), ...scopes.flatMap(({ via }) => via.map(({ edge }) => wayTo(edge)))]),
];

const wayName = (table: string, column: string): string => `${table}.${column}`;

const wayTo = ({ to }: Edge): string => wayName(to.table, to.columns[0] ?? "");

/**
 * Notes whose rows a batch is about: by values, before anything changes, in tables that stay until it is done. So what is found by a row that
 * is gone by then is found all the same, and so can whoever goes on after a crash. No statement that changes anything names a person: ClickHouse
 * keeps the text of mutations.
 */
export const createScope = async (batch: ColumnBatch, subjects: readonly Subject[]): Promise<void> => {
  const { store, shape } = batch;
  const { client } = store;
  for (const [place, way] of waysOf(shape).entries()) {
    const [table, column] = splitWay(shape, way);
    const type = typeIn(batch, table, column);
    await client.run(
      `create table ${own(batch, "way", place)} (request UInt64, value ${unwrapped(type).base}) engine = MergeTree order by value ${onDisk}`,
    );
    if (place === 0) {
      await client.insert(own(batch, "way", place), ["request", "value"], keysOf(subjects));
      continue;
    }
    const value = `t.${id(column)}`;
    await client.run(
      `insert into ${own(batch, "way", place)} select distinct w.lethe_request, assumeNotNull(${value}) from ${inScope(batch, table)} where ${value} is not null`,
    );
  }
};

async function* keysOf(subjects: readonly Subject[]): AsyncGenerator<readonly unknown[]> {
  for (const { request, key } of subjects) yield await Promise.resolve([request, key]);
}

const splitWay = ({ root, scopes }: Shape, way: string): readonly [table: string, column: string] => {
  const edge = scopes.flatMap(({ via }) => via.map((each) => each.edge)).find((each) => wayTo(each) === way);
  return edge === undefined ? [root.table, root.key] : [edge.to.table, edge.to.columns[0] ?? ""];
};

export const typeIn = ({ catalog }: ColumnBatch, table: string, column: string): string => {
  const type = catalog.columnTables.get(table)?.types.get(column);
  if (type === undefined) throw new TypeError(`${table}.${column} was checked before`);
  return type;
};

/** Columns of a table that are stored: the others follow from them. */
export const storedColumns = ({ catalog }: ColumnBatch, table: string): readonly string[] => [
  ...(catalog.columnTables.get(table)?.types.keys() ?? []),
];

type Way = { readonly column: string; readonly table: string; readonly asText: boolean; readonly where: Edge["where"] };

const wayInto = (batch: ColumnBatch, table: string): Way => {
  const { root } = batch.shape;
  const ways = waysOf(batch.shape);
  if (table === root.table) return { column: root.key, table: own(batch, "way", 0), asText: false, where: {} };
  const edge = scopeFor(batch.shape, table).via[0]?.edge;
  if (edge === undefined) throw new TypeError(`no link leads to ${table}`);
  const place = ways.indexOf(wayTo(edge));
  const { columns, asText, where } = edge;
  return { column: columns[0] ?? "", table: own(batch, "way", place), asText: asText !== undefined, where };
};

const scopeFor = ({ scopes }: Shape, table: string): Scope => {
  const scope = scopes.find((each) => each.table === table);
  if (scope === undefined) throw new TypeError(`${table} has no scope`);
  return scope;
};

const narrowed = (where: Edge["where"], alias = ""): string =>
  Object.entries(where)
    .map(([column, value]) => ` and toString(${alias}${id(column)}) = ${text(value)}`)
    .join("");

/** The column that says whose a row is. */
export const whoseIn = (batch: ColumnBatch, table: string): string => wayInto(batch, table).column;

/** The condition on rows of a table that are of the batch. */
export const ofBatch = (batch: ColumnBatch, table: string): string => {
  const { column, table: way, asText, where } = wayInto(batch, table);
  const [left, value] = asText ? [`toString(${id(column)})`, "toString(value)"] : [id(column), "value"];
  return `(${left} in (select ${value} from ${way})${narrowed(where)})`;
};

/** Rows `t` of a table that are of the batch, each once, with the first request `w.lethe_request` whose they are; `also` is computed of each. */
export const inScope = (batch: ColumnBatch, table: string, also?: string): string => {
  const { column, table: way, asText, where } = wayInto(batch, table);
  const [left, value] = asText ? [`toString(t.${id(column)})`, "toString(value)"] : [`t.${id(column)}`, "value"];
  const narrow = narrowed(where, "t.");
  const columns = list([...storedColumns(batch, table).map(id), ...(also === undefined ? [] : [also])]);
  return `(select ${columns} from ${tableIn(batch.store.client.database, table)} where ${ofBatch(batch, table)}) t
    inner join (select ${value} as lethe_value, min(request) as lethe_request from ${way} group by lethe_value) w on ${left} = w.lethe_value${narrow === "" ? "" : ` and (1${narrow})`}`;
};

/** What a row says, all of it, in 16 bytes: rows have no other name. */
export const rowHash = (columns: readonly string[]): string =>
  `sipHash128(formatRow('RowBinary', ${list(columns.map(id))}))`;
