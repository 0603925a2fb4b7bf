import { sql, type Kysely, type RawBuilder } from "kysely";
import { stepsSql } from "#anonymity/search/steps-sql.ts";
import {
  cells,
  codeName,
  coded,
  finest,
  groups,
  sensitiveOf,
  valuesOf,
  whole,
  type Question,
} from "#anonymity/search/tables.ts";
import type { Hierarchy } from "#anonymity/search/hierarchy.ts";
import { column, tableName } from "#scope/sql.ts";

/** How many rows of a column hold a value of which its hierarchy says nothing. */
export type Missed = { readonly column: string; readonly rows: number; readonly values: number };

export type Filled = {
  readonly rows: number;
  /** Of each quasi-identifier the loss of the whole column at each level, in millionths of a row: 0 at level 0, all at the last. */
  readonly losses: readonly (readonly number[])[];
  /** Where there is any, nothing can be searched. */
  readonly missed: readonly Missed[];
};

/**
 * Reads the table once, by one GROUP BY at the finest level, in the caller's transaction; everything after works on the distinct rows, and
 * what comes to this process is a few numbers a level. Call `createSearchTables` before.
 */
export const fillSearchTables = async (db: Kysely<unknown>, question: Question): Promise<Filled> => {
  const { table, hierarchies, sensitive } = question;
  const read = [...hierarchies, ...sensitive].map((each) => column("t", each.column));
  await sql`insert into ${finest} select ${sql.join([...read, sql`count(*)`])} from ${tableName(table)} t
    group by ${sql.join(read)}`.execute(db);
  const missed: Missed[] = [];
  for (const [index, hierarchy] of hierarchies.entries()) {
    await fillValues(db, index, hierarchy);
    missed.push(...(await missedIn(db, index, hierarchy)));
  }
  const total = await sql<{ rows: number }>`select coalesce(sum(n), 0)::int8 as rows from ${finest}`.execute(db);
  const rows = total.rows[0]?.rows ?? 0;
  if (missed.length > 0) return { rows, losses: [], missed };
  for (const [index, { ordered }] of sensitive.entries()) {
    const code = ordered ? sql`dense_rank() over (order by v)` : sql`row_number() over ()`;
    await sql`insert into ${sensitiveOf(index)} select v, ${code}
      from (select distinct ${sql.id(`v${index}`)} as v from ${finest}) d where v is not null`.execute(db);
  }
  await fillCells(db, question);
  return { rows, losses: await lossesOf(db, hierarchies, rows), missed };
};

const fillValues = async (db: Kysely<unknown>, index: number, hierarchy: Hierarchy): Promise<void> => {
  const { join, steps } = stepsSql(hierarchy.steps);
  const codes = steps.map(
    ({ group }) => sql`case when (${group}) is not null then dense_rank() over (order by ${group}) end`,
  );
  await sql`insert into ${valuesOf(index)}
    with d as materialized (
      select ${sql.id(`q${index}`)} as v, sum(n)::int8 as n from ${finest} where ${sql.id(`q${index}`)} is not null group by 1)
    select ${sql.join([sql`d.v`, sql`d.n`, sql`row_number() over ()`, ...codes, ...steps.map(({ loss }) => loss)])}
    from d ${join}`.execute(db);
  for (const level of steps.keys()) {
    const code = sql.id(`g${level + 1}`);
    await sql`insert into ${groups} select ${sql.lit(index)}, ${sql.lit(level + 1)}, ${code}, max(${sql.id(`w${level + 1}`)}), sum(n)
      from ${valuesOf(index)} where ${code} is not null group by ${code}`.execute(db);
  }
};

const missedIn = async (db: Kysely<unknown>, index: number, hierarchy: Hierarchy): Promise<readonly Missed[]> => {
  const levels = coded(hierarchy).slice(1);
  if (levels.length === 0) return [];
  const { rows } = await sql<Omit<Missed, "column">>`select coalesce(sum(n), 0)::int8 as rows, count(*) as values
    from ${valuesOf(index)} where g1 is null`.execute(db);
  return rows.filter((row) => row.rows > 0).map((row) => ({ column: hierarchy.column, ...row }));
};

/** NULL has the code 0 at every level: no value has. Joined apart from it, because only equality can be hashed. */
const fillCells = async (db: Kysely<unknown>, { hierarchies, sensitive }: Question): Promise<void> => {
  const codes = hierarchies.flatMap((each, index) =>
    coded(each).map((level) => sql`coalesce(${sql.id(`x${index}`, `g${level}`)}, 0)`),
  );
  const joins: RawBuilder<unknown>[] = [
    ...hierarchies.map((_, index) => join(valuesOf(index), `x${index}`, `q${index}`)),
    ...sensitive.map((_, index) => join(sensitiveOf(index), `y${index}`, `v${index}`)),
  ];
  const others = sensitive.map((_, index) => sql.id(`y${index}`, "code"));
  await sql`insert into ${cells} (${sql.join(cellNames(hierarchies, sensitive.length).map((name) => sql.id(name)))})
    select ${sql.join([...codes, ...others, sql`f.n`])} from ${finest} f ${sql.join(joins, sql` `)}`.execute(db);
};

const cellNames = (hierarchies: readonly Hierarchy[], sensitive: number): readonly string[] => [
  ...hierarchies.flatMap((each, index) => coded(each).map((level) => codeName(index, level))),
  ...Array.from({ length: sensitive }, (_, index) => `v${index}`),
  "n",
];

const join = (table: RawBuilder<unknown>, alias: string, name: string): RawBuilder<unknown> =>
  sql`left join ${table} ${sql.id(alias)} on ${sql.id(alias, "v")} = ${sql.id("f", name)}`;

const lossesOf = async (
  db: Kysely<unknown>,
  hierarchies: readonly Hierarchy[],
  rows: number,
): Promise<readonly (readonly number[])[]> => {
  const { rows: found } = await sql<{ position: number; level: number; loss: number }>`
    select position, level, sum(loss::int8 * n)::int8 as loss from ${groups} group by position, level`.execute(db);
  return hierarchies.map((hierarchy, index) => [
    ...coded(hierarchy).map(
      (level) => found.find((each) => each.position === index && each.level === level)?.loss ?? 0,
    ),
    rows * whole,
  ]);
};
