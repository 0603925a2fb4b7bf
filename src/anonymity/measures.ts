import { sql, type Kysely, type RawBuilder } from "kysely";

/** A column whose values nobody should learn of a person who is found in a class. */
export type Sensitive = {
  readonly column: string;
  /** Numbers and times lie in an order: between 1 and 2 is less than between 1 and 9. Categories are equal or different. */
  readonly ordered: boolean;
};

export type Wanted = {
  readonly quasi: readonly string[];
  readonly sensitive: readonly Sensitive[];
  /** Rows of classes smaller than this are counted. */
  readonly least: number;
};

export type SensitiveMeasures = Sensitive & {
  /** Distinct values in the table. */
  readonly values: number;
  /** Distinct l-diversity: the fewest distinct values in a class (Machanavajjhala et al., 2007). */
  readonly l: number;
  /** Entropy l-diversity: e to the power of the smallest entropy of a class, so that it compares with `l`; never more than it. */
  readonly entropyL: number;
  /**
   * t-closeness: the largest distance between the values in a class and in the table, 0 to 1. Of categories half the sum of the
   * differences (total variation), of ordered values the earth mover's distance (Li et al., 2007).
   */
  readonly t: number;
};

/** Classes of as many rows as from `from` to `to`. */
export type SizeBand = { readonly from: number; readonly to: number; readonly classes: number; readonly rows: number };

export type Measures = {
  readonly rows: number;
  /** Sets of rows that are equal in all quasi-identifiers; NULLs are equal. */
  readonly classes: number;
  /** k-anonymity: the rows of the smallest class (Sweeney, 2002); 0 of an empty table. */
  readonly k: number;
  /** Rows that are alone in their class. */
  readonly unique: number;
  /** Rows in classes smaller than `least`. */
  readonly below: number;
  /** How large classes are, in bands that double: 1, 2 to 3, 4 to 7. Empty bands are left out. */
  readonly sizes: readonly SizeBand[];
  readonly sensitive: readonly SensitiveMeasures[];
};

type Row = Omit<Measures, "sizes" | "sensitive"> & {
  sizes: readonly { readonly band: number; readonly classes: number; readonly rows: number }[] | null;
  [sensitive: `s${number}`]: Omit<SensitiveMeasures, keyof Sensitive> | null;
};

/**
 * Measures the rows of `source`, a table or a subquery in parentheses, as the caller's transaction sees them. It is read once, by one GROUP BY
 * over all columns concerned; whatever comes after works on the groups. A NULL is a value: equal to other NULLs, and the last in an order.
 */
export const measure = async (
  db: Kysely<unknown>,
  source: RawBuilder<unknown>,
  { quasi, sensitive, least }: Wanted,
): Promise<Measures> => {
  const parts = sensitive.map(({ ordered }, index) => (ordered ? orderedParts(index) : categoryParts(index)));
  const values = sensitive.map(({ ordered }, index) => valuesOf(index, ordered));
  const { rows } = await sql<Row>`with ${sql.join([groups(source, quasi, sensitive), ...parts], sql`, `)}
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
    sensitive: sensitive.map((each, index) => ({
      ...each,
      ...(row[`s${index}`] ?? { values: 0, l: 0, entropyL: 0, t: 0 }),
    })),
  };
};

/** The sizes at which bands begin; more rows than fit into the last nobody has. */
const doubling = sql.lit(`{${Array.from({ length: 48 }, (_, band) => 2 ** band).join(",")}}`);

const id = (name: string, index: number): RawBuilder<unknown> => sql.id(`${name}${index}`);

/** `cell`: how many rows are equal in everything, with the number of their class; `class`: how many rows it has. */
const groups = (
  source: RawBuilder<unknown>,
  quasi: readonly string[],
  sensitive: readonly Sensitive[],
): RawBuilder<unknown> => {
  const keys = quasi.map((name, index) => sql`${sql.id("t", name)} as ${id("q", index)}`);
  const others = sensitive.map(({ column }, index) => sql`${sql.id("t", column)} as ${id("v", index)}`);
  const by = sql.join([...keys, ...others].map((_, index) => sql.lit(index + 1)));
  const cells = sql`select ${sql.join([...keys, ...others, sql`count(*) as n`])} from ${source} t group by ${by}`;
  if (sensitive.length === 0) return sql`class as (select n as size from (${cells}) g)`;
  const class_ =
    quasi.length === 0
      ? sql`1`
      : sql`dense_rank() over (order by ${sql.join(quasi.map((_, index) => id("q", index)))})`;
  const kept = sensitive.map((_, index) => id("v", index));
  return sql`cell as materialized (select ${class_} as c, ${sql.join(kept)}, n from (${cells}) g),
    class as (select sum(n)::int8 as size from cell group by c)`;
};

/** What a class holds of one column: each value once. */
const held = (index: number): RawBuilder<unknown> =>
  sql`select c, ${id("v", index)} as v, sum(n)::int8 as n from cell group by 1, 2`;

/** Of the values in a class, in nats. */
const entropy = sql`ln(sum(n)::float8) - sum(n * ln(n::float8)) / sum(n)::float8`;

/** Distance of categories: what the class does not hold differs by its whole share of the table. */
const categoryParts = (index: number): RawBuilder<unknown> => sql`${id("held", index)} as (
    select c, v, n, sum(n) over (partition by c)::float8 as size, sum(n) over (partition by v)::float8 as everywhere, sum(n) over ()::float8 as total
    from (${held(index)}) h),
  ${id("in", index)} as (
    select count(*) as l, ${entropy} as entropy,
      (sum(abs(n / size - everywhere / total)) + greatest(1 - sum(everywhere / total), 0)) / 2 as distance
    from ${id("held", index)} group by c)`;

/**
 * Distance of ordered values: how far the two cumulative distributions are apart, summed over the places 1 to m of the distinct values. That of
 * a class only steps at the values that it holds, and stays the same from one to the next; that of the table rises. So between two steps
 * one is below the other up to the place where they cross, and the sums come from prefix sums: no class is compared with every value.
 *
 * `held`: place and rows up to it in the whole table; `upto`: each place once, with the prefix sum; `step`: first and last place `a` to `b`
 * of a class at the height `g / size`; `crossed`: the last place `x` up to which the table is not above it.
 */
const orderedParts = (index: number): RawBuilder<unknown> => {
  const [held_, upto, step, crossed] = [id("held", index), id("upto", index), id("step", index), id("crossed", index)];
  return sql`${held_} as (
    select c, n, dense_rank() over (order by v) as place, sum(n) over (order by v)::int8 as below, sum(n) over ()::int8 as total from (${held(index)}) h),
  ${upto} as (
    select place, below, sum(below) over (order by place)::numeric as prefix, count(*) over () as m, total
    from (select place, max(below) as below, max(total) as total from ${held_} group by place) p),
  ${step} as (
    select c, a, coalesce(lead(a) over (partition by c order by a) - 1, m) as b, g, size, total, floor(g::numeric * total / size)::int8 as level
    from (
      select c, place as a, sum(n) over (partition by c order by place)::int8 as g, sum(n) over (partition by c)::int8 as size, total from ${held_}
      union all
      select c, 0, 0, sum(n)::int8, max(total) from ${held_} group by c) s, (select count(*) as m from ${upto}) p),
  ${crossed} as (
    select * from (
      select c, a, b, g, size, total, count(*) filter (where c is null) over (order by level, c nulls first) as x
      from (select c, a, b, g, size, total, level from ${step} union all select null, null, null, null, null, null, below from ${upto}) s) s
    where c is not null),
  ${id("in", index)} as (
    select l, entropy, distance
    from (select c, count(*) as l, ${entropy} as entropy from ${held_} group by c) e join (
      select c, sum(
        g / size::float8 * ((middle - first) - (last - middle))
          + ((pl - pm) - (pm - pf))::float8 / total) as distance
      from (
        select s.*, coalesce(f.prefix, 0) as pf, coalesce(m.prefix, 0) as pm, coalesce(l.prefix, 0) as pl
        from (select c, g, size, total, greatest(a - 1, 0) as first, b as last, greatest(least(x, b), a - 1, 0) as middle from ${crossed}) s
          left join ${upto} f on f.place = s.first left join ${upto} m on m.place = s.middle left join ${upto} l on l.place = s.last) s
      group by c) d using (c))`;
};

const valuesOf = (index: number, ordered: boolean): RawBuilder<unknown> => {
  const all = ordered
    ? sql`(select count(*) from ${id("upto", index)})`
    : sql`(select count(distinct v) + coalesce(max((v is null)::int), 0) from ${id("held", index)})`;
  const distance = ordered ? sql`max(distance) / greatest(${all} - 1, 1)` : sql`max(distance)`;
  return sql`(select jsonb_build_object('values', ${all}, 'l', coalesce(min(l), 0), 'entropyL', coalesce(exp(min(entropy)), 0), 't', coalesce(${distance}, 0))
    from ${id("in", index)}) as ${id("s", index)}`;
};
