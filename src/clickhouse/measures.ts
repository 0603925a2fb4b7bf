import { createCells, keysOf, type Cells } from "#clickhouse/cells.ts";
import type { ColumnClient } from "#clickhouse/client.ts";
import { id, list } from "#clickhouse/sql.ts";
import type { Measures, Sensitive, SensitiveMeasures } from "#records/anonymity.ts";

type Wanted = { readonly quasi: readonly string[]; readonly sensitive: readonly Sensitive[]; readonly least: number };
type Sizes = Omit<Measures, "sizes" | "sensitive"> & { readonly sizes: readonly [number, number, number][] };

/**
 * k, l and t of the rows of a table, as `measures.ts` of the room `anonymity` defines them for PostgreSQL: NULL is a value, equal to other NULLs, and
 * the last in an order. Without quasi-identifiers all rows are one class. `own` names a table that is made, and left to be dropped.
 */
export const measureColumns = async (
  client: ColumnClient,
  own: string,
  table: string,
  { quasi, sensitive, least }: Wanted,
): Promise<Measures> => {
  const keys = quasi.length === 0 ? ["0 as q0"] : quasi.map((name, index) => `${id(name)} as q${index}`);
  const values = sensitive.map(({ column }, index) => `${id(column)} as v${index}`);
  const cells: Cells = { table: own, quasi: keys.length, sensitive };
  await createCells(client, cells, `select ${list([...keys, ...values])} from ${table}`);
  const [row] = await client.rows<Sizes>(
    `select sum(size) as rows, count() as classes, min(size) as k, countIf(size = 1) as unique, sumIf(size, size < ${least}) as below,
      arraySort(groupUniqArray((band, in_band, rows_in_band))) as sizes
    from (select size, toUInt8(floor(log2(size))) as band, count() over (partition by band) as in_band, sum(size) over (partition by band) as rows_in_band
      from (select sum(w) as size from ${own} group by ${keysOf(cells)}))`,
  );
  if (row === undefined) throw new TypeError("an aggregate over everything is one row");
  const measured: SensitiveMeasures[] = [];
  for (const [index, each] of sensitive.entries())
    measured.push({ ...each, ...(await measureSensitive(client, cells, index)) });
  const sizes = row.sizes.map(([band, classes, rows]) => ({ from: 2 ** band, to: 2 ** (band + 1) - 1, classes, rows }));
  return { ...row, sizes, sensitive: measured };
};

const measureSensitive = async (
  client: ColumnClient,
  cells: Cells,
  index: number,
): Promise<Omit<SensitiveMeasures, keyof Sensitive>> => {
  const values = await countValues(client, cells, index);
  const [row] = await client.rows<{ l: number; entropyL: number; t: number }>(
    `select min(l) as l, exp(min(entropy)) as entropyL, max(distance) as t from (${distances(cells, index, values)})`,
  );
  return { values, l: row?.l ?? 0, entropyL: values === 0 ? 0 : (row?.entropyL ?? 0), t: row?.t ?? 0 };
};

export const countValues = async (client: ColumnClient, { table }: Cells, index: number): Promise<number> => {
  const [row] = await client.rows<{ values: number }>(
    `select count() as values from (select v${index} from ${table} group by v${index})`,
  );
  return row?.values ?? 0;
};

/**
 * Of each class how many values of a column it holds (`l`), their `entropy` in nats, and how far they are from those of all rows (`distance`): of
 * categories half the sum of the differences, of ordered values the earth mover's distance, for which a class is an array of the rows up to
 * each of the `values`.
 */
export const distances = (cells: Cells, index: number, values: number): string => {
  const { table, sensitive } = cells;
  const by = keysOf(cells);
  const v = `v${index}`;
  const held = `select ${by}, ${v}, sum(w) as n from ${table} group by ${by}, ${v}`;
  const everywhere = `select ${v}, sum(w) as everywhere, row_number() over (order by isNull(${v}), ${v}) as place from ${table} group by ${v}`;
  const joined = `(${held}) h inner join (${everywhere}) e on h.${v} <=> e.${v}`;
  const entropy = "log(size) - sum(n * log(n)) / size";
  const total = `assumeNotNull((select sum(w) from ${table}))`;
  if (sensitive[index]?.ordered !== true) {
    return `select ${by}, count() as l, sum(n) as size, ${entropy} as entropy,
      (sum(abs(n / sizes - everywhere / ${total})) + greatest(1 - sum(everywhere) / ${total}, 0)) / 2 as distance
      from (select *, sum(n) over (partition by ${by}) as sizes from ${joined}) group by ${by}`;
  }
  const dense = `groupArrayInsertAt(0, ${Math.max(values, 1)})(toUInt64(n), toUInt32(place - 1))`;
  const all = `(select arrayCumSum(groupArray(everywhere)) from (select everywhere from (${everywhere}) order by place))`;
  return `select ${by}, count() as l, sum(n) as size, ${entropy} as entropy,
      arraySum(arrayMap((a, b) -> abs(a / size - b / ${total}), arrayCumSum(${dense}), ${all})) / ${Math.max(values - 1, 1)} as distance
      from ${joined} group by ${by}`;
};
