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

export const names = (name: string, of: readonly unknown[]): readonly RawBuilder<unknown>[] =>
  of.map((_, index) => sql.id(`${name}${index}`));

/** Whether a row, as it stands, hides anybody who goes. */
const countsSql = ({ nameless, signs }: DueQuestion): RawBuilder<unknown> =>
  nameless ? and(signsOf(signs, "t")) : sql`true`;

/** A hash of whose a row says that it is, as the night's gate reads it; null: each is somebody else's. */
export const whoSql = ({ nameless, signs, whose }: DueQuestion): RawBuilder<unknown> => {
  if (nameless || whose.length === 0) return sql`null::int8`;
  const says = whose.map((name) => column("t", name));
  const named = sql.join(
    says.map((each) => sql`${each} is not null`),
    sql` or `,
  );
  const told = signsOf(signs, "t");
  const lost = told.length === 0 ? sql`false` : and(told);
  return sql`case when not (${lost}) and (${named}) then hashtextextended(row(${sql.join([...says, sql`null`])})::text, 0) end`;
};

/** A row that two people share is in scope for both, and there once: `own` counts it for the first. */
export const readDue = async (
  db: Kysely<unknown>,
  question: DueQuestion,
  { entries, persons, key }: DueRows,
): Promise<void> => {
  const { table, columns, sensitive } = question;
  const quasi = columns.map(({ hierarchy }, index) => sql`${column("t", hierarchy.column)} as ${sql.id(`q${index}`)}`);
  const values = sensitive.flatMap(({ column: name, type, after }, index) => [
    sql`${becomesSql(column("t", name), type, after)} as ${sql.id(`v${index}`)}`,
    sql`${column("t", name)} as ${sql.id(`b${index}`)}`,
  ]);
  const keys = sql.join(key.map((_, index) => sql.id(`k${index + 1}`)));
  const groups = [...names("q", columns), ...names("v", sensitive), ...names("b", sensitive)];
  const by = sql.join([sql`p`, sql`f`, ...groups, sql`w`, sql`counts`]);
  const read = [
    sql`o.p`,
    sql`o.f`,
    ...quasi,
    ...values,
    sql`${whoSql(question)} as w`,
    sql`${countsSql(question)} as counts`,
  ];
  await sql`insert into ${due} with e as (select distinct j.person as p, ${keys} from (${entries}) s join (${persons}) j using (request)),
      o as (select *, min(p) over (partition by ${keys}) as f from e)
    select ${by}, count(*), count(*) filter (where p = f) from (
      select ${sql.join(read)} from o join ${tableName(table)} t on ${sameRow({ key }, "t", "o")}) r
    group by ${by}`.execute(db);
};

/** Where nothing tells what was published, whatever stays may be. */
export const readStay = async (db: Kysely<unknown>, question: DueQuestion, rows: DueRows): Promise<void> => {
  const { table, columns, sensitive, treated } = question;
  const read = [...columns.map(({ hierarchy }) => hierarchy.column), ...sensitive.map((each) => each.column)];
  const values = [...read.map((name) => column("t", name)), and(signsOf(treated, "t")), countsSql(question)];
  await sql`insert into ${stay} select ${sql.join([...values, sql`count(*)`])} from ${tableName(table)} t
    where ${staysSql(rows)} group by ${sql.join(values.map((_, index) => sql.lit(index + 1)))}`.execute(db);
};

/** Of a row `t`. */
export const staysSql = ({ entries, key }: DueRows): RawBuilder<unknown> =>
  sql`not exists (select from (${entries}) s where ${sameRow({ key }, "t", "s")})`;
