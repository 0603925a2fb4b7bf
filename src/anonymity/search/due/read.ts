import { sql, type Kysely, type RawBuilder } from "kysely";
import { becomesSql } from "#anonymity/search/due/becomes.ts";
import { due, stay, type DueQuestion } from "#anonymity/search/due/tables.ts";
import { and, column, sameRow, tableName } from "#scope/sql.ts";
import { signsOf } from "#scope/treated.ts";

/** Whose rows are due: `entries` is `request, k1, …` of each, `key` names the columns of the row that `k1, …` are. */
export type DueRows = {
  readonly entries: RawBuilder<unknown>;
  /** `request, person`: the same person for requests of one. */
  readonly persons: RawBuilder<unknown>;
  readonly key: readonly string[];
};

const names = (name: string, of: readonly unknown[]): readonly RawBuilder<unknown>[] =>
  of.map((_, index) => sql.id(`${name}${index}`));

/** A row that two people share is in scope for both, and there once: `own` counts it for the first. */
export const readDue = async (
  db: Kysely<unknown>,
  { table, columns, sensitive }: DueQuestion,
  { entries, persons, key }: DueRows,
): Promise<void> => {
  const quasi = columns.map(({ hierarchy }, index) => sql`${column("t", hierarchy.column)} as ${sql.id(`q${index}`)}`);
  const values = sensitive.flatMap(({ column: name, type, after }, index) => [
    sql`${becomesSql(column("t", name), type, after)} as ${sql.id(`v${index}`)}`,
    sql`${column("t", name)} as ${sql.id(`b${index}`)}`,
  ]);
  const keys = sql.join(key.map((_, index) => sql.id(`k${index + 1}`)));
  const by = sql.join([sql`p`, ...names("q", columns), ...names("v", sensitive), ...names("b", sensitive)]);
  await sql`insert into ${due} with e as (select distinct j.person as p, ${keys} from (${entries}) s join (${persons}) j using (request)),
      o as (select *, p = min(p) over (partition by ${keys}) as first from e)
    select ${by}, count(*), count(*) filter (where first) from (
      select ${sql.join([sql`o.p`, sql`o.first`, ...quasi, ...values])} from o join ${tableName(table)} t on ${sameRow({ key }, "t", "o")}) r
    group by ${by}`.execute(db);
};

/** Where nothing tells what was published, whatever stays may be. */
export const readStay = async (
  db: Kysely<unknown>,
  { table, columns, sensitive, treated }: DueQuestion,
  { entries, key }: DueRows,
): Promise<void> => {
  const read = [...columns.map(({ hierarchy }) => hierarchy.column), ...sensitive.map((each) => each.column)];
  const values = [...read.map((name) => column("t", name)), and(signsOf(treated, "t"))];
  await sql`insert into ${stay} select ${sql.join([...values, sql`count(*)`])} from ${tableName(table)} t
    where not exists (select from (${entries}) s where ${sameRow({ key }, "t", "s")})
    group by ${sql.join(values.map((_, index) => sql.lit(index + 1)))}`.execute(db);
};
