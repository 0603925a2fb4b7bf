import { sql, type Kysely, type RawBuilder } from "kysely";
import { classesOf, numbered } from "#anonymity/classes.ts";
import { topOf } from "#anonymity/search/hierarchy.ts";
import { cells, codeName, groups, whole, type Question } from "#anonymity/search/tables.ts";

/** What each class has to reach. */
export type Thresholds = {
  /** Rows, at least. */
  readonly k: number;
  /** Distinct values of each sensitive column, at least. */
  readonly l: number | undefined;
  /** Distance of each sensitive column from the whole table, at most: 0 to 1. */
  readonly t: number | undefined;
};

/** A level for each quasi-identifier: a node of the lattice. */
export type Levels = readonly number[];

/** Of some classes; 0 where there are none. */
export type Figures = {
  readonly classes: number;
  /** Rows of the smallest. */
  readonly k: number;
  /** Of each sensitive column, in their order: the fewest distinct values in a class, and the largest distance from the whole table. */
  readonly l: readonly number[];
  readonly t: readonly number[];
};

/** The table at some levels. */
export type Outcome = {
  /** Rows in classes below a threshold: what would have to be held back. */
  readonly held: number;
  /** What these rows lose besides by being held back, in millionths: each quasi-identifier of theirs then loses all. */
  readonly heldLoss: number;
  /** Of all classes. */
  readonly all: Figures;
  /** Of those that reach the thresholds. */
  readonly kept: Figures;
};

/** One GROUP BY over the cells. Only columns that tell anything apart are in it: at the last level a column does not. */
export const judge = async (
  db: Kysely<unknown>,
  { hierarchies, sensitive }: Question,
  { k, l, t }: Thresholds,
  levels: Levels,
): Promise<Outcome> => {
  const told = hierarchies.flatMap((hierarchy, index) => {
    const level = levels[index] ?? 0;
    return level === topOf(hierarchy) ? [] : [{ index, level, name: codeName(index, level) }];
  });
  const columns = {
    quasi: told.map(({ name }) => name),
    sensitive: sensitive.map(({ ordered }, index) => ({ column: `v${index}`, ordered })),
    weight: "n",
  };
  const ins = sensitive.map((_, index) => numbered("in", index));
  const failing = [
    sql`size < ${k}`,
    ...(l === undefined ? [] : ins.map((name) => sql`${name}.l < ${l}`)),
    // Sums of fractions: what is equal on paper may differ in the last digits.
    ...(t === undefined ? [] : ins.map((name) => sql`${name}.distance > ${t}::float8 + 1e-9`)),
  ];
  const lost = told.flatMap(({ level }, place) =>
    level === 0 ? [] : [{ place, loss: sql`coalesce(${sql.id(`w${place}`, "loss")}, 0)` }],
  );
  const joins = [
    ...ins.map((name) => sql`join ${name} using (c)`),
    ...told.flatMap(({ index, level }, place) => {
      const w = sql.id(`w${place}`);
      const same = sql`${w}.position = ${sql.lit(index)} and ${w}.level = ${sql.lit(level)} and ${w}.code = class.${numbered("q", place)}`;
      return level === 0 ? [] : [sql`left join ${groups} ${w} on ${same}`];
    }),
  ];
  const rest = sql.join([sql.lit(whole * told.length), ...lost.map(({ loss }) => loss)], sql` - `);
  const measured = ins.flatMap((name, index) => [
    sql`${name}.l as ${numbered("l", index)}`,
    sql`${name}.distance as ${numbered("t", index)}`,
  ]);
  const { rows } = await sql<Outcome>`with ${classesOf(cells, columns)},
      judged as (select ${sql.join([sql`size`, sql`(${sql.join(failing, sql` or `)}) as held`, sql`${rest} as rest`, ...measured])}
        from class ${sql.join(joins, sql` `)})
    select coalesce(sum(size) filter (where held), 0)::int8 as held,
      coalesce(sum(size * rest) filter (where held), 0)::int8 as "heldLoss",
      ${figures(ins.length, sql`true`)} as all, ${figures(ins.length, sql`not held`)} as kept
    from judged`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("an aggregate over everything is one row");
  return row;
};

const figures = (sensitive: number, where: RawBuilder<unknown>): RawBuilder<unknown> => {
  const each = (name: string, what: (column: RawBuilder<unknown>) => RawBuilder<unknown>) =>
    sql`jsonb_build_array(${sql.join(Array.from({ length: sensitive }, (_, index) => sql`coalesce(${what(numbered(name, index))} filter (where ${where}), 0)`))})`;
  return sql`jsonb_build_object('classes', count(*) filter (where ${where}), 'k', coalesce(min(size) filter (where ${where}), 0),
    'l', ${each("l", (column) => sql`min(${column})`)}, 't', ${each("t", (column) => sql`max(${column})`)})`;
};
