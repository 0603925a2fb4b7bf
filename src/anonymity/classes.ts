import { sql, type RawBuilder } from "kysely";
import type { Sensitive } from "#records/anonymity.ts";

/** What tells classes apart, and of what in them is measured how different it is. */
export type Columns = {
  readonly quasi: readonly string[];
  readonly sensitive: readonly Sensitive[];
  /** A column that says how many rows each row of the source stands for; undefined: one. */
  readonly weight?: string;
};

/** `q0`, `q1`, …: the quasi-identifiers in their order; `v0`, …: the sensitive columns. */
export const numbered = (name: string, index: number): RawBuilder<unknown> => sql.id(`${name}${index}`);

export const quasiNames = ({ quasi }: Pick<Columns, "quasi">): readonly RawBuilder<unknown>[] =>
  quasi.map((_, index) => numbered("q", index));

/**
 * The common table expressions over which everything is measured, for the rows of `source`, a table or a subquery in parentheses. It is read
 * once, by one GROUP BY over all columns concerned; whatever comes after works on the groups. A NULL is a value: equal to other
 * NULLs, and the last in an order.
 *
 * - `class (c, size, q0, …)`: the classes of rows that are equal in all quasi-identifiers;
 * - `in0 (c, l, entropy, distance)`, …: of each class and sensitive column how many values there are, their entropy in nats, and how far they
 *   are from those of the whole source (0 to 1);
 * - `values0 (m)`, …: how many values there are in the whole source.
 *
 * `among` narrows `class` down to those whose quasi-identifiers that query returns; distances are from the whole source all the same.
 */
export const classesOf = (
  source: RawBuilder<unknown>,
  columns: Columns,
  among?: RawBuilder<unknown>,
): RawBuilder<unknown> => {
  const { sensitive } = columns;
  const parts = sensitive.map(({ ordered }, index) => (ordered ? orderedParts(index) : categoryParts(index)));
  return sql.join([groups(source, columns, among), ...parts], sql`, `);
};

const groups = (
  source: RawBuilder<unknown>,
  columns: Columns,
  among: RawBuilder<unknown> | undefined,
): RawBuilder<unknown> => {
  const { quasi, sensitive, weight } = columns;
  const keys = quasi.map((name, index) => sql`${sql.id("t", name)} as ${numbered("q", index)}`);
  const others = sensitive.map(({ column }, index) => sql`${sql.id("t", column)} as ${numbered("v", index)}`);
  const by = [...keys, ...others].map((_, index) => sql.lit(index + 1));
  const grouped = by.length === 0 ? sql`having count(*) > 0` : sql`group by ${sql.join(by)}`;
  const count = weight === undefined ? sql`count(*) as n` : sql`sum(${sql.id("t", weight)})::int8 as n`;
  const cells = sql`select ${sql.join([...keys, ...others, count])} from ${source} t ${grouped}`;
  const qs = quasiNames(columns);
  const vs = sensitive.map((_, index) => numbered("v", index));
  if (sensitive.length === 0 && among === undefined) return sql`class as (select g.*, n as size from (${cells}) g)`;
  const nulls = vs.map(() => sql`null`);
  const named =
    among === undefined
      ? sql`select *, true as named from (${cells}) g`
      : sql`select *, false as named from (${cells}) g
          union all select ${sql.join([...qs.map((name) => sql`a.${name}`), ...nulls, sql`0`, sql`true`])}
          from (${among}) a (${sql.join(qs)})`;
  const c = quasi.length === 0 ? sql`1` : sql`dense_rank() over (order by ${sql.join(qs)})`;
  const group = qs.length === 0 ? sql`c` : sql`c, ${sql.join(qs)}`;
  return sql`cell as materialized (select ${c} as c, * from (${named}) g),
    class as (select ${group}, sum(n)::int8 as size from cell group by ${group} having bool_or(named) and sum(n) > 0)`;
};

/** What a class holds of one column: each value once. */
const held = (index: number): RawBuilder<unknown> =>
  sql`select c, ${numbered("v", index)} as v, sum(n)::int8 as n from cell where n > 0 group by 1, 2`;

/** Of the values in a class, in nats. */
const entropy = sql`ln(sum(n)::float8) - sum(n * ln(n::float8)) / sum(n)::float8`;

/** Half the sum of the differences (total variation): what a class does not hold differs by its whole share of the table. */
const categoryParts = (index: number): RawBuilder<unknown> => sql`${numbered("held", index)} as (
    select c, v, n, sum(n) over (partition by c)::float8 as size, sum(n) over (partition by v)::float8 as everywhere, sum(n) over ()::float8 as total
    from (${held(index)}) h),
  ${numbered("values", index)} as (select count(distinct v) + coalesce(max((v is null)::int), 0) as m from ${numbered("held", index)}),
  ${numbered("in", index)} as (
    select c, count(*) as l, ${entropy} as entropy,
      (sum(abs(n / size - everywhere / total)) + greatest(1 - sum(everywhere / total), 0)) / 2 as distance
    from ${numbered("held", index)} group by c)`;

/**
 * The earth mover's distance: how far the two cumulative distributions are apart, summed over the places 1 to m of the distinct values. That of
 * a class only steps at the values that it holds, and stays the same from one to the next; that of the table rises. So between two steps
 * one is below the other up to the place where they cross, and the sums come from prefix sums: no class is compared with every value.
 *
 * `held`: place and rows up to it in the whole table; `upto`: each place once, with the prefix sum; `step`: first and last place `a` to `b`
 * of a class at the height `g / size`; `crossed`: the last place `x` up to which the table is not above it.
 */
const orderedParts = (index: number): RawBuilder<unknown> => {
  const [held_, upto, step] = [numbered("held", index), numbered("upto", index), numbered("step", index)];
  const [crossed, values] = [numbered("crossed", index), numbered("values", index)];
  return sql`${held_} as (
    select c, n, dense_rank() over (order by v) as place, sum(n) over (order by v)::int8 as below, sum(n) over ()::int8 as total from (${held(index)}) h),
  ${upto} as (
    select place, below, sum(below) over (order by place)::numeric as prefix
    from (select place, max(below) as below from ${held_} group by place) p),
  ${values} as (select count(*) as m from ${upto}),
  ${step} as (
    select c, a, coalesce(lead(a) over (partition by c order by a) - 1, m) as b, g, size, total, floor(g::numeric * total / size)::int8 as level
    from (
      select c, place as a, sum(n) over (partition by c order by place)::int8 as g, sum(n) over (partition by c)::int8 as size, total from ${held_}
      union all
      select c, 0, 0, sum(n)::int8, max(total) from ${held_} group by c) s, ${values}),
  ${crossed} as (
    select * from (
      select c, a, b, g, size, total, count(*) filter (where c is null) over (order by level, c nulls first) as x
      from (select c, a, b, g, size, total, level from ${step} union all select null, null, null, null, null, null, below from ${upto}) s) s
    where c is not null),
  ${numbered("in", index)} as (
    select c, l, entropy, distance / greatest(m - 1, 1) as distance
    from (select c, count(*) as l, ${entropy} as entropy from ${held_} group by c) e join (
      select c, sum(g / size::float8 * ((middle - first) - (last - middle)) + ((pl - pm) - (pm - pf))::float8 / total) as distance
      from (
        select s.*, coalesce(f.prefix, 0) as pf, coalesce(m.prefix, 0) as pm, coalesce(l.prefix, 0) as pl
        from (select c, g, size, total, greatest(a - 1, 0) as first, b as last, greatest(least(x, b), a - 1, 0) as middle from ${crossed}) s
          left join ${upto} f on f.place = s.first left join ${upto} m on m.place = s.middle left join ${upto} l on l.place = s.last) s
      group by c) d using (c), ${values})`;
};
