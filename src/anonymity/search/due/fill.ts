import { sql, type Kysely, type RawBuilder } from "kysely";
import { becomesSql, between } from "#anonymity/search/due/becomes.ts";
import { names, readDue, readStay, staysSql, whoSql, type DueRows } from "#anonymity/search/due/read.ts";
import {
  choicesTable,
  codesTable,
  crowds,
  due,
  knownTable,
  owns,
  placesOf,
  stay,
  stays,
  type DueColumn,
  type DueQuestion,
  type Place,
} from "#anonymity/search/due/tables.ts";
import type { Missed } from "#anonymity/search/fill.ts";
import { stepsSql } from "#anonymity/search/steps-sql.ts";
import { sensitiveOf, whole } from "#anonymity/search/tables.ts";
import { topOf } from "#anonymity/search/hierarchy.ts";
import { column, tableName } from "#scope/sql.ts";

export type DueFilled = {
  readonly people: number;
  readonly rows: number;
  readonly staying: number;
  readonly published: number;
  /** Of each quasi-identifier what the rows that are due lose by each choice, in millionths of a row. */
  readonly losses: readonly (readonly number[])[];
  readonly missed: readonly Missed[];
};

/**
 * Reads the table once for the rows that are due and once or twice for those that stay, in the caller's transaction; everything after works on
 * distinct rows. Call `createDueTables` before.
 */
export const fillDueTables = async (db: Kysely<unknown>, question: DueQuestion, rows: DueRows): Promise<DueFilled> => {
  const { columns, sensitive } = question;
  await readDue(db, question, rows);
  await readStay(db, question, rows);
  const missed: Missed[] = [];
  for (const [index, each] of columns.entries()) {
    await fillChoices(db, index, each);
    missed.push(...(await missedIn(db, index, each)));
  }
  const counted = await sql<Omit<DueFilled, "losses" | "missed">>`select d.*, s.*
    from (select count(distinct p) as people, coalesce(sum(own), 0)::int8 as rows from ${due}) d,
      (select coalesce(sum(n), 0)::int8 as staying, coalesce(sum(n) filter (where published), 0)::int8 as published from ${stay}) s`.execute(
    db,
  );
  const [counts] = counted.rows;
  if (counts === undefined) throw new TypeError("an aggregate over everything is one row");
  if (missed.length > 0 || counts.rows === 0) return { ...counts, losses: [], missed };
  for (const [index, each] of columns.entries()) await fillCodes(db, index, each, movesTable(question));
  for (const [index, { ordered }] of sensitive.entries()) {
    const code = ordered ? sql`dense_rank() over (order by v)` : sql`row_number() over ()`;
    const [v, b] = [sql.id(`v${index}`), sql.id(`b${index}`)];
    await sql`insert into ${sensitiveOf(index)} select v, ${code} from (
        select ${v} as v from ${due} union select ${b} from ${due} union select ${v} from ${stay}) d
      where v is not null`.execute(db);
  }
  await fillOwns(db, question);
  await fillStays(db, question);
  await fillCrowds(db, question, rows);
  return { ...counts, losses: await lossesOf(db, columns), missed };
};

/**
 * What distances are measured from is not what it was: a rule changes sensitive values as well, or rows come to count by going. Then every class is at
 * another distance than before, also where nobody comes or goes.
 */
const movesTable = ({ sensitive, nameless }: DueQuestion): boolean =>
  nameless || sensitive.some(({ after }) => after.kind !== "keep" && after.kind !== "stays");

/** Of every value, since a width is measured by the range of the whole column; what becomes of it only where somebody is due. */
const fillChoices = async (db: Kysely<unknown>, index: number, each: DueColumn): Promise<void> => {
  const { hierarchy, type, choices, now } = each;
  const { join, steps } = stepsSql(hierarchy.steps);
  const q = sql.id(`q${index}`);
  const rules = [...choices.map(({ transform }) => transform), ...(now === undefined ? [] : [now])];
  const become = rules.map((rule) => sql`case when d.n > 0 then ${becomesSql(sql`d.v`, type, rule)} end`);
  const losses = choices.map(({ level }) => {
    if (level === 0) return sql.lit(0);
    return level === topOf(hierarchy)
      ? sql.lit(whole)
      : sql`case when d.v is null then 0 else coalesce(${steps[level - 1]?.loss ?? sql`0`}, 0) end`;
  });
  const [first] = between(hierarchy);
  const missed = first === undefined ? sql`false` : sql`d.v is not null and (${steps[0]?.group ?? sql`d.v`}) is null`;
  await sql`insert into ${choicesTable(index)}
    with d as materialized (
      select v, sum(n)::int8 as n from (select ${q} as v, own as n from ${due} union all select ${q}, 0 from ${stay}) u
      group by v)
    select ${sql.join([sql`d.v`, sql`d.n`, missed, ...become, ...losses])} from d ${join}`.execute(db);
};

const missedIn = async (db: Kysely<unknown>, index: number, { hierarchy }: DueColumn): Promise<readonly Missed[]> => {
  const { rows } = await sql<Omit<Missed, "column">>`select coalesce(sum(n), 0)::int8 as rows, count(*) as values
    from ${choicesTable(index)} where missed and n > 0`.execute(db);
  return rows.filter((row) => row.rows > 0).map((row) => ({ column: hierarchy.column, ...row }));
};

const nameAt = (place: Place): RawBuilder<unknown> => (place === "now" ? sql.id("now") : sql.id(`x${place}`));

/** NULL has the code 0, and is a value like others, which a rule may make another of. With `everything`, what was published has codes of its own also where nobody who is due can come to it. */
const fillCodes = async (db: Kysely<unknown>, index: number, each: DueColumn, everything: boolean): Promise<void> => {
  const places = placesOf(each);
  const from = sql`from ${choicesTable(index)} where n > 0`;
  const known = places.map((place) => sql`select ${nameAt(place)} as v ${from}`);
  const published = sql`select ${sql.id(`q${index}`)} from ${stay} where published`;
  await sql`insert into ${knownTable(index)} select v, row_number() over ()
    from (${sql.join([...known, ...(everything ? [published] : [])], sql` union `)}) u where v is not null`.execute(db);
  const joins = places.map(
    (place) =>
      sql`left join ${knownTable(index)} ${sql.id(`k_${place}`)} on ${sql.id(`k_${place}`, "v")} = d.${nameAt(place)}`,
  );
  const codes = places.map((place) => sql`coalesce(${sql.id(`k_${place}`, "code")}, 0)`);
  await sql`insert into ${codesTable(index)} select ${sql.join([sql`d.v`, ...codes])}
    from (select * ${from}) d ${sql.join(joins, sql` `)}`.execute(db);
};

const codeOf = (alias: string, index: number, table: RawBuilder<unknown>, value: RawBuilder<unknown>) =>
  sql`left join ${table} ${sql.id(`${alias}${index}`)} on ${sql.id(`${alias}${index}`, "v")} = ${value}`;

const fillOwns = async (db: Kysely<unknown>, { columns, sensitive }: DueQuestion): Promise<void> => {
  const codes = columns.flatMap((each, index) =>
    placesOf(each).map((place) => {
      const name = place === "now" ? "now" : `c${place}`;
      // Looked up apart, because only equality can be hashed.
      const ofNull = sql`select ${sql.id(name)} from ${codesTable(index)} where v is null`;
      return sql`coalesce(${sql.id(`x${index}`, name)}, (${ofNull}))`;
    }),
  );
  const others = ["y", "z"].flatMap((alias) => sensitive.map((_, index) => sql.id(`${alias}${index}`, "code")));
  const joins = [
    ...columns.map((_, index) => codeOf("x", index, codesTable(index), sql.id("f", `q${index}`))),
    ...sensitive.map((_, index) => codeOf("y", index, sensitiveOf(index), sql.id("f", `v${index}`))),
    ...sensitive.map((_, index) => codeOf("z", index, sensitiveOf(index), sql.id("f", `b${index}`))),
  ];
  await sql`insert into ${owns} select ${sql.join([sql`f.p`, sql`f.f`, ...codes, ...others, sql`f.w`, sql`f.counts`, sql`f.n`, sql`f.own`])}
    from ${due} f ${sql.join(joins, sql` `)}`.execute(db);
};

/** The codes of what stays, from `f`; NULL: nobody who is due can come to it. */
const knownCodes = (columns: readonly DueColumn[]) => {
  const values = columns.map((_, index) => sql.id("f", `q${index}`));
  const codes = values.map(
    (value, index) => sql`case when ${value} is null then 0 else ${sql.id(`x${index}`, "code")} end`,
  );
  const apart = sql.join(
    codes.map((code) => sql`(${code}) is null`),
    sql` or `,
  );
  return { codes, apart, joins: values.map((value, index) => codeOf("x", index, knownTable(index), value)) };
};

/** What nobody who is due can be equal to is one row for all, of which only the sensitive values count: they are part of the table. */
const fillStays = async (db: Kysely<unknown>, { columns, sensitive }: DueQuestion): Promise<void> => {
  const { codes, apart, joins } = knownCodes(columns);
  const values = sensitive.map((_, index) => codeOf("y", index, sensitiveOf(index), sql.id("f", `v${index}`)));
  const read = [
    ...codes.map((code) => sql`case when ${apart} then -1 else ${code} end`),
    ...sensitive.map((_, index) => sql.id(`y${index}`, "code")),
    sql`f.published and not (${apart})`,
  ];
  await sql`insert into ${stays} select ${sql.join([...read, sql`sum(f.n)`])} from ${stay} f ${sql.join([...joins, ...values], sql` `)}
    where f.counts group by ${sql.join(read.map((_, index) => sql.lit(index + 1)))}`.execute(db);
};

/** Distinct counts do not add up, so that the table is read once more; but where each row is taken for somebody else's they are its rows. */
const fillCrowds = async (db: Kysely<unknown>, question: DueQuestion, rows: DueRows): Promise<void> => {
  const { table, columns, nameless, whose } = question;
  const qs = names("q", columns);
  if (nameless || whose.length === 0) {
    await sql`insert into ${crowds} select ${sql.join([...qs, sql`null`, sql`n`])} from ${stays} where q0 >= 0`.execute(
      db,
    );
    return;
  }
  const { codes, apart, joins } = knownCodes(columns);
  const values = columns.map(({ hierarchy }, index) => sql`${column("t", hierarchy.column)} as ${sql.id(`q${index}`)}`);
  const by = sql.join([...columns, "w"].map((_, index) => sql.lit(index + 1)));
  await sql`insert into ${crowds} select ${sql.join([...codes, sql`f.w`, sql`f.n`])} from (
      select ${sql.join(qs)}, case when w in (select w from ${due}) then w end as w, sum(case when w is null then n else 1 end) as n from (
        select ${sql.join([...values, sql`${whoSql(question)} as w`])}, count(*) as n from ${tableName(table)} t where ${staysSql(rows)} group by ${by}) e
      group by ${by}) f ${sql.join(joins, sql` `)} where not (${apart})`.execute(db);
};

const lossesOf = async (
  db: Kysely<unknown>,
  columns: readonly DueColumn[],
): Promise<readonly (readonly number[])[]> => {
  const losses: (readonly number[])[] = [];
  for (const [index, { choices }] of columns.entries()) {
    const each = [...choices.keys()].map((place) => sql`coalesce(sum(${sql.id(`w${place}`)}::int8 * n), 0)::int8`);
    const { rows } = await sql<{ losses: readonly number[] }>`select jsonb_build_array(${sql.join(each)}) as losses
      from ${choicesTable(index)}`.execute(db);
    losses.push(rows[0]?.losses ?? []);
  }
  return losses;
};
