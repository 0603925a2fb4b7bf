import { sql, type Kysely, type RawBuilder } from "kysely";
import { stepCount, type Hierarchy } from "#anonymity/search/hierarchy.ts";
import type { Sensitive } from "#records/anonymity.ts";
import { column, tableName } from "#scope/sql.ts";

/** What a search is over: the quasi-identifiers with their hierarchies, and the sensitive columns. */
export type Question = {
  /** As policies name it: `events`, `web.events`. */
  readonly table: string;
  readonly hierarchies: readonly Hierarchy[];
  readonly sensitive: readonly Sensitive[];
};

/** The loss of a value that has become one value for all: losses are in millionths, whole numbers that add up exactly. */
export const whole = 1_000_000;

/** With its schema, also where it is created: a table of the store that has the same name is never meant. */
export const temporary = (name: string): RawBuilder<unknown> => sql.id("pg_temp", `lethe_search_${name}`);

/** `q0, …, v0, …, n`: the distinct rows as they are, and how many rows each stands for. */
export const finest = temporary("finest");
/** `v, n, g0, g1, …, w1, …`: each value of a quasi-identifier, its code at each level below the last, and what it loses there. */
export const valuesOf = (index: number): RawBuilder<unknown> => temporary(`values_${index}`);
/** `v, code`: each value of a sensitive column; codes are in the order of the values. */
export const sensitiveOf = (index: number): RawBuilder<unknown> => temporary(`sensitive_${index}`);
/** `position, level, code, loss, n`: what a row of a group loses at the level, in millionths, and how many rows it has. */
export const groups = temporary("groups");
/** `q0_0, q0_1, …, v0, …, n`: the distinct rows as codes, a column for each quasi-identifier and level below the last. */
export const cells = temporary("cells");

/** The column of `cells` that holds a quasi-identifier at a level. */
export const codeName = (index: number, level: number): string => `q${index}_${level}`;

/** The levels of a hierarchy that have codes: all but the last, which tells nothing apart. */
export const coded = ({ steps }: Hierarchy): readonly number[] =>
  Array.from({ length: stepCount(steps) + 1 }, (_, level) => level);

/**
 * Makes the session's temporary tables. Outside the transaction of the search, because a read-only one may fill a temporary table but not
 * create it; they empty themselves when it ends. They are never analysed: statistics would carry values into `pg_statistic`.
 */
export const createSearchTables = async (
  db: Kysely<unknown>,
  { table, hierarchies, sensitive }: Question,
): Promise<void> => {
  const make = async (name: RawBuilder<unknown>, columns: readonly RawBuilder<unknown>[]): Promise<void> => {
    await sql`drop table if exists ${name}`.execute(db);
    await sql`create temporary table ${name} on commit delete rows as
      select ${sql.join([...columns])} from ${tableName(table)} t where false`.execute(db);
  };
  const int = (name: string): RawBuilder<unknown> => sql`0 as ${sql.id(name)}`;
  const rows = sql`0::int8 as n`;
  const quasi = hierarchies.map((each, index) => sql`${column("t", each.column)} as ${sql.id(`q${index}`)}`);
  const others = sensitive.map((each, index) => sql`${column("t", each.column)} as ${sql.id(`v${index}`)}`);
  await make(finest, [...quasi, ...others, rows]);
  for (const [index, hierarchy] of hierarchies.entries()) {
    const levels = coded(hierarchy);
    await make(valuesOf(index), [
      sql`${column("t", hierarchy.column)} as v`,
      rows,
      ...levels.map((level) => int(`g${level}`)),
      ...levels.slice(1).map((level) => int(`w${level}`)),
    ]);
  }
  for (const [index, each] of sensitive.entries()) {
    await make(sensitiveOf(index), [sql`${column("t", each.column)} as v`, int("code")]);
  }
  await make(groups, [...["position", "level", "code", "loss"].map(int), rows]);
  const codes = hierarchies.flatMap((each, index) => coded(each).map((level) => int(codeName(index, level))));
  await make(cells, [...codes, ...sensitive.map((_, index) => int(`v${index}`)), rows]);
};
