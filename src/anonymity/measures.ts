import { sql, type Kysely, type RawBuilder } from "kysely";
import { classesOf, numbered, type Columns } from "#anonymity/classes.ts";
import type { Measures, Sensitive, SensitiveMeasures } from "#records/anonymity.ts";

export type Wanted = Columns & {
  /** Rows of classes smaller than this are counted. */
  readonly least: number;
};

type Row = Omit<Measures, "sizes" | "sensitive"> & {
  sizes: readonly { readonly band: number; readonly classes: number; readonly rows: number }[] | null;
  [sensitive: `s${number}`]: Omit<SensitiveMeasures, keyof Sensitive>;
};

/** Measures the rows of `source`, a table or a subquery in parentheses, as the caller's transaction sees them. */
export const measure = async (
  db: Kysely<unknown>,
  source: RawBuilder<unknown>,
  { sensitive, least, ...columns }: Wanted,
): Promise<Measures> => {
  const values = sensitive.map((_, index) => valuesOf(index));
  const { rows } = await sql<Row>`with ${classesOf(source, { ...columns, sensitive })}
    select coalesce(sum(size), 0)::int8 as rows, count(*) as classes, coalesce(min(size), 0)::int8 as k, count(*) filter (where size = 1) as unique,
      coalesce(sum(size) filter (where size < ${least}), 0)::int8 as below,
      (select jsonb_agg(b order by band) from (
        select width_bucket(size, ${doubling}::int8[]) - 1 as band, count(*) as classes, sum(size) as rows from class group by 1) b) as sizes
      ${sql.join([sql``, ...values], sql`, `)}
    from class`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("an aggregate over everything is one row");
  const { rows: count, classes, k, unique, below, sizes } = row;
  return {
    rows: count,
    classes,
    k,
    unique,
    below,
    sizes: (sizes ?? []).map(({ band, ...in_ }) => ({ from: 2 ** band, to: 2 ** (band + 1) - 1, ...in_ })),
    sensitive: sensitive.map((each, index) => ({ ...each, ...row[`s${index}`] })) as SensitiveMeasures[],
  };
};

/** The sizes at which bands begin; more rows than fit into the last nobody has. */
const doubling = sql.lit(`{${Array.from({ length: 48 }, (_, band) => 2 ** band).join(",")}}`);

const valuesOf = (index: number): RawBuilder<unknown> =>
  sql`(select jsonb_build_object('values', (select m from ${numbered("values", index)}), 'l', coalesce(min(l), 0),
      'entropyL', coalesce(exp(min(entropy)), 0), 't', coalesce(max(distance), 0))
    from ${numbered("in", index)}) as ${numbered("s", index)}`;
