import type { ColumnClient } from "#clickhouse/client.ts";
import { id, list } from "#clickhouse/sql.ts";
import type { Measures, Sensitive, SensitiveMeasures } from "#records/anonymity.ts";

type Wanted = { readonly quasi: readonly string[]; readonly sensitive: readonly Sensitive[]; readonly least: number };

/** `q0`, `q1`, …: the quasi-identifiers in their order; `v0`, …: the sensitive columns. Without any all rows are one class. */
const cellsOf = (
  source: string,
  { quasi, sensitive }: Omit<Wanted, "least">,
): { readonly cells: string; readonly by: string } => {
  const keys = quasi.length === 0 ? ["0 as q0"] : quasi.map((name, index) => `${id(name)} as q${index}`);
  const values = sensitive.map(({ column }, index) => `${id(column)} as v${index}`);
  return {
    cells: `(select ${list([...keys, ...values])} from ${source})`,
    by: list(keys.map((_, index) => `q${index}`)),
  };
};

/**
 * k, l and t of the rows of `source`, a table or a subquery in parentheses, as `measures.ts` of the room `anonymity` defines them for PostgreSQL.
 * NULL is a value: equal to other NULLs, and the last in an order.
 */
export const measureColumns = async (client: ColumnClient, source: string, wanted: Wanted): Promise<Measures> => {
  const { sensitive, least } = wanted;
  const { cells, by } = cellsOf(source, wanted);
  const [row] = await client.rows<
    Omit<Measures, "sizes" | "sensitive"> & { sizes: readonly [number, number, number][] }
  >(
    `select sum(size) as rows, count() as classes, min(size) as k, countIf(size = 1) as unique, sumIf(size, size < ${least}) as below,
      arraySort(groupUniqArray((band, in_band, rows_in_band))) as sizes
    from (select size, toUInt8(floor(log2(size))) as band, count() over (partition by band) as in_band, sum(size) over (partition by band) as rows_in_band
      from (select count() as size from ${cells} group by ${by}) where size > 0)`,
  );
  if (row === undefined) throw new TypeError("an aggregate over everything is one row");
  const measured: SensitiveMeasures[] = [];
  for (const [index, each] of sensitive.entries()) {
    measured.push({ ...each, ...(await measureSensitive(client, cells, by, { index, ordered: each.ordered })) });
  }
  const { rows, classes, k, unique, below, sizes } = row;
  return {
    rows,
    classes,
    k,
    unique,
    below,
    sizes: sizes.map(([band, inBand, rowsInBand]) => ({
      from: 2 ** band,
      to: 2 ** (band + 1) - 1,
      classes: inBand,
      rows: rowsInBand,
    })),
    sensitive: measured,
  };
};

type Column = { readonly index: number; readonly ordered: boolean };

const measureSensitive = async (
  client: ColumnClient,
  cells: string,
  by: string,
  column: Column,
): Promise<Omit<SensitiveMeasures, keyof Sensitive>> => {
  const values = await countValues(client, cells, column);
  const [row] = await client.rows<{ l: number; entropyL: number; t: number }>(
    `select min(l) as l, exp(min(entropy)) as entropyL, max(distance) as t from (${distances(cells, by, column, values)})`,
  );
  return { values, l: row?.l ?? 0, entropyL: values === 0 ? 0 : (row?.entropyL ?? 0), t: row?.t ?? 0 };
};

export const countValues = async (client: ColumnClient, cells: string, { index }: Column): Promise<number> => {
  const [row] = await client.rows<{ values: number }>(
    `select count() as values from (select v${index} from ${cells} group by v${index})`,
  );
  return row?.values ?? 0;
};

/**
 * Of each class (`by`) how many values of a column it holds (`l`), their `entropy` in nats, and how far they are from those of all rows
 * (`distance`): of categories half the sum of the differences, of ordered values the earth mover's distance, for which a class is an
 * array of the rows up to each of the `values`.
 */
export const distances = (cells: string, by: string, { index, ordered }: Column, values: number): string => {
  const v = `v${index}`;
  const held = `select ${by}, ${v}, count() as n from ${cells} group by ${by}, ${v}`;
  const everywhere = `select ${v}, count() as everywhere, row_number() over (order by isNull(${v}), ${v}) as place from ${cells} group by ${v}`;
  const joined = `(${held}) h inner join (${everywhere}) e on h.${v} <=> e.${v}`;
  const entropy = "log(size) - sum(n * log(n)) / size";
  const total = `assumeNotNull((select count() from ${cells}))`;
  if (!ordered) {
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
