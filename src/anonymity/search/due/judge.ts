import { sql, type Kysely, type RawBuilder } from "kysely";
import { classesOf, numbered } from "#anonymity/classes.ts";
import type { Thresholds } from "#anonymity/search/judge.ts";
import {
  before,
  codeName,
  crowds,
  owns,
  stays,
  waiting,
  type DueQuestion,
  type Place,
} from "#anonymity/search/due/tables.ts";

/** A column, and which of its choices; all columns, or some. */
export type Chosen = readonly { readonly index: number; readonly place: Place }[];

/** People who would wait, by the threshold that their rows do not reach: who does not reach two is counted twice. */
export type Held = { readonly people: number; readonly k: number; readonly l: number; readonly t: number };

/** The rows that are due, at some levels, among those that stay as they are. */
export type DueOutcome = {
  /** Classes that hold rows that are due; 0 where there are none, and so of the rest. */
  readonly classes: number;
  /** Of the smallest: the fewer of rows, those of the person who is to be hidden counted as one, and of people. */
  readonly k: number;
  readonly l: readonly number[];
  /** None where no t is asked. */
  readonly t: readonly number[];
  readonly held: Held;
  /** Of those who are held by k: of whom it takes the fewest more, and the most; null: nobody is. */
  readonly missing: { readonly least: number; readonly most: number } | null;
  /** Classes of published rows that met the thresholds, and would not. */
  readonly weakened: number;
};

type Asked = { readonly question: DueQuestion; readonly thresholds: Thresholds };

/** Whose row stays as it is: that of whoever waits. What they share goes with its first owner. */
const stayed = sql`f in (select p from ${waiting})`;

/**
 * Every row that hides anybody after the night: `q0, …, v0, …, n`. Who waits has their rows as they are, and where only nameless rows count they
 * hardly ever do.
 */
const tableAt = ({ sensitive }: DueQuestion, chosen: Chosen): RawBuilder<unknown> => {
  const values = (name: string) => sensitive.map((_, at) => sql`${numbered(name, at)} as ${numbered("v", at)}`);
  const ownAt = (place: (each: Chosen[number]) => Place, name: string) =>
    sql.join([...named(chosen, (each) => codeName(each.index, place(each))), ...values(name), sql`own as n`]);
  const staying = sql.join([...named(chosen, ({ index }) => `q${index}`), ...values("v"), sql`n`]);
  return sql`(select ${ownAt(({ place }) => place, "v")} from ${owns} where not ${stayed}
    union all select ${ownAt(() => 0, "b")} from ${owns} where counts and ${stayed}
    union all select ${staying} from ${stays})`;
};

const named = (chosen: Chosen, name: (each: Chosen[number]) => string): readonly RawBuilder<unknown>[] =>
  chosen.map((each, at) => sql`${sql.id(name(each))} as ${numbered("q", at)}`);

const columnsOf = ({ sensitive }: DueQuestion, chosen: Chosen) => ({
  quasi: chosen.map((_, at) => `q${at}`),
  sensitive: sensitive.map(({ ordered }, at) => ({ column: `v${at}`, ordered })),
  weight: "n",
});

/**
 * `p, q0, …, mine, people`: of each person who goes and class how many rows are theirs, and how many people are in it, as far as rows say whose they are. By
 * some of the columns those who stay are counted once for each class by all of them: more than they are, so that whoever has too few has no more by all.
 */
const own = (chosen: Chosen): RawBuilder<unknown> => {
  const qs = quasi(chosen);
  const at = (name: (each: Chosen[number]) => string) => sql.join(named(chosen, name));
  return sql`select * from (
    select p, ${qs}, n as mine, (sum(case when p is null and w is null then n else 1 end) over (partition by ${qs}))::int8 as people from (
      select p, w, ${qs}, sum(n)::int8 as n from (
        select p, null::int8 as w, ${at(({ index, place }) => codeName(index, place))}, n from ${owns}
          where p not in (select p from ${waiting}) and not ${stayed}
        union all select null, w, ${at(({ index }) => codeName(index, 0))}, own from ${owns} where counts and own > 0 and ${stayed}
        union all select null, w, ${at(({ index }) => `q${index}`)}, n from ${crowds}) e
      group by p, w, ${qs}) c) c where p is not null`;
};

const quasi = (chosen: Chosen): RawBuilder<unknown> => sql.join(chosen.map((_, at) => numbered("q", at)));

/** `measured (q0, …, size, l0, …, t0, …)`: the classes among those that are named, in the whole table. */
const measured = (question: DueQuestion, chosen: Chosen, among: RawBuilder<unknown>): RawBuilder<unknown> => {
  const ins = question.sensitive.map((_, at) => numbered("in", at));
  const figures = ins.flatMap((name, at) => [
    sql`${name}.l as ${numbered("l", at)}`,
    sql`${name}.distance as ${numbered("t", at)}`,
  ]);
  return sql`${classesOf(tableAt(question, chosen), columnsOf(question, chosen), among)},
    measured as (select ${sql.join([quasi(chosen), sql`size`, ...figures])} from class ${sql.join(
      ins.map((name) => sql`join ${name} using (c)`),
      sql` `,
    )})`;
};

/** What does not reach each threshold, of a class by alias; `size` as it counts. */
const failing = ({ question, thresholds: { k, l, t } }: Asked, alias: string, size: RawBuilder<unknown>) => {
  const any = (name: string, fails: (value: RawBuilder<unknown>) => RawBuilder<unknown>) =>
    sql.join([sql`false`, ...question.sensitive.map((_, at) => fails(sql.id(alias, `${name}${at}`)))], sql` or `);
  return {
    k: sql`(${size} < ${k})`,
    l: l === undefined ? sql`false` : sql`(${any("l", (value) => sql`${value} < ${l}`)})`,
    // Sums of fractions: what is equal on paper may differ in the last digits.
    t: t === undefined ? sql`false` : sql`(${any("t", (value) => sql`${value} > ${t}::float8 + 1e-9`)})`,
  };
};

/** `judged`: of each person and class what fails there; `k` is the fewer of rows and people, as in the gate before the commit. */
const judged = (asked: Asked, chosen: Chosen): RawBuilder<unknown> => {
  const company = sql`least(f.size - o.mine + 1, o.people)`;
  const fails = failing(asked, "f", company);
  return sql`own as materialized (${own(chosen)}),
    judged as (select o.p, ${company} as company, ${fails.k} as k, ${fails.l} as l, ${fails.t} as t, ${sql.join([
      ...asked.question.sensitive.flatMap((_, at) => [sql`f.${numbered("l", at)}`, sql`f.${numbered("t", at)}`]),
      quasi(chosen),
    ])} from own o join measured f using (${quasi(chosen)}))`;
};

const dueKeys = (chosen: Chosen): RawBuilder<unknown> =>
  sql`select distinct ${sql.join(named(chosen, ({ index, place }) => codeName(index, place)))} from ${owns}`;
const publishedKeys = (chosen: Chosen): RawBuilder<unknown> =>
  sql`select distinct ${sql.join(named(chosen, ({ index }) => `q${index}`))} from ${stays} where published`;

/** The classes that hold published rows as they are before anything happens: what they reach may not be taken from them. */
export const measureBefore = async (db: Kysely<unknown>, question: DueQuestion): Promise<void> => {
  const chosen = question.columns.map((_, index) => ({ index, place: 0 }));
  // As if everybody waited: their rows are as they are.
  await sql`insert into ${waiting} select distinct p from ${owns}`.execute(db);
  await sql`with ${measured(question, chosen, publishedKeys(chosen))}
    insert into ${before} select ${sql.join([
      quasi(chosen),
      sql`size`,
      ...["l", "t"].flatMap((name) => question.sensitive.map((_, at) => numbered(name, at))),
    ])} from measured`.execute(db);
  await sql`delete from ${waiting}`.execute(db);
};

/** One look at all columns at some levels. */
export const judgeDue = async (db: Kysely<unknown>, asked: Asked, chosen: Chosen): Promise<DueOutcome> => {
  const { sensitive } = asked.question;
  const [was, is] = [failing(asked, "b", sql`b.size`), failing(asked, "f", sql`f.size`)];
  const lost = (["k", "l", "t"] as const).map((name) => sql`(${is[name]} and not ${was[name]})`);
  const all = (name: string, of: string) =>
    sql`jsonb_build_array(${sql.join(sensitive.map((_, at) => sql`coalesce(${sql.raw(of)}(${numbered(name, at)}), 0)`))})`;
  const people = (where: RawBuilder<unknown>) => sql`count(distinct p) filter (where ${where})`;
  const { rows } = await sql<DueOutcome>`with ${measured(
    asked.question,
    chosen,
    sql`${dueKeys(chosen)} union ${publishedKeys(chosen)}`,
  )}, ${judged(asked, chosen)},
      far as (select p, max(${asked.thresholds.k} - company) as missing from judged where k group by p)
    select count(distinct (${quasi(chosen)})) as classes, coalesce(min(company), 0) as k, ${all("l", "min")} as l, ${all("t", "max")} as t,
      jsonb_build_object('people', ${people(sql`k or l or t`)}, 'k', ${people(sql`k`)}, 'l', ${people(sql`l`)}, 't', ${people(sql`t`)}) as held,
      (select case when count(*) > 0 then jsonb_build_object('least', min(missing), 'most', max(missing)) end from far) as missing,
      (select count(*) from ${before} b join measured f using (${quasi(chosen)}) where ${sql.join(lost, sql` or `)}) as weakened
    from judged`.execute(db);
  const [row] = rows;
  if (row === undefined) throw new TypeError("an aggregate over everything is one row");
  return row;
};

/** Of ordered values the distance is dear, and where no t is asked nobody looks at it. */
export const unordered = (question: DueQuestion): DueQuestion => ({
  ...question,
  sensitive: question.sensitive.map((each) => ({ ...each, ordered: false })),
});

/** How many people have too few others, or too few values, in the classes by some columns. */
export const countThin = async (
  db: Kysely<unknown>,
  { question, thresholds }: Asked,
  chosen: Chosen,
): Promise<number> => {
  const asked: Asked = { question: unordered(question), thresholds: { ...thresholds, t: undefined } };
  const { rows } = await sql<{
    people: number;
  }>`with ${measured(asked.question, chosen, dueKeys(chosen))}, ${judged(asked, chosen)}
    select count(distinct p) as people from judged where k or l`.execute(db);
  return rows[0]?.people ?? 0;
};

/**
 * Who would wait at some levels, as the night finds it: who does not reach a threshold waits with all their rows, which are as they were then, and whoever
 * loses company by that waits as well. Returns a number of one of each person's requests.
 */
export const whoWaits = async (db: Kysely<unknown>, asked: Asked, chosen: Chosen): Promise<readonly number[]> => {
  await sql`delete from ${waiting}`.execute(db);
  const all: number[] = [];
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each round depends on the one before
    const { rows } = await sql<{
      p: number;
    }>`with ${measured(asked.question, chosen, dueKeys(chosen))}, ${judged(asked, chosen)},
        gone as (insert into ${waiting} select distinct p from judged where k or l or t returning p)
      select p from gone`.execute(db);
    if (rows.length === 0) break;
    all.push(...rows.map(({ p }) => p));
  }
  await sql`delete from ${waiting}`.execute(db);
  return all;
};
