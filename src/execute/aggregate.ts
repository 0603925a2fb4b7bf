import { sql, type Kysely, type RawBuilder } from "kysely";
import type { BatchFacts } from "#execute/batch-facts.ts";
import { targets, type Change } from "#execute/changing.ts";
import { scopeFor } from "#execute/entries.ts";
import { BatchError } from "#execute/failure.ts";
import { becameOf } from "#execute/means.ts";
import type { Moment } from "#execute/transforms.ts";
import type { Analysis, PlannedAggregate, Shape, Step } from "#records/plan.ts";
import { otherClass, otherGroup, otherName } from "#scope/drawn.ts";
import {
  and,
  carriedBy,
  column,
  keyNames,
  oddOf,
  periodOf,
  sameRow,
  scopeTable,
  subjects,
  tableName,
} from "#scope/sql.ts";

type Anonymise = Extract<Step, { kind: "anonymise" }>;
type Class = PlannedAggregate["classes"][number];

/** What the class says of row `t` as its rule makes it: what is empty is of no class of its own. */
const classOf = (
  { table, changes }: Anonymise,
  { column: name, type, other }: Class,
  now: Moment,
): RawBuilder<unknown> =>
  sql`coalesce(cast(${becameOf(table, changes, now, name)} as ${sql.raw(type)}), ${otherOf({ type, other })})`;

const otherOf = ({ type, other }: Pick<Class, "type" | "other">): RawBuilder<unknown> =>
  sql`cast(${other === null ? null : String(other)}::text as ${sql.raw(type)})`;

/**
 * One value that is not finite would make a sum the same for good, whatever is added to it afterwards: whose it is does not go with the others.
 * Throws `SUM_UNREADABLE`.
 */
const assertFinite = async (db: Kysely<unknown>, shape: Shape, { table, analysis }: Anonymise): Promise<void> => {
  const sums = (analysis?.conserve ?? []).flatMap((total, index) =>
    total.measure === "sum" ? [{ name: total.column, odd: oddOf(total, sql.id(`old${index}`)) }] : [],
  );
  if (sums.length === 0) return;
  const counts = sums.map(({ odd }, index) => sql`${odd} as ${sql.id(`c${index}`)}`);
  const { rows } = await sql<Record<string, number>>`select ${sql.join(counts)} from ${scopeTable(shape, table)}
    where not spared`.execute(db);
  for (const [index, { name }] of sums.entries()) {
    const odd = rows[0]?.[`c${index}`] ?? 0;
    if (odd === 0) continue;
    const hint = "correct the number: what is NaN or infinite cannot be taken out of a sum again";
    const detail = { table, column: name, rows: odd };
    throw new BatchError("SUM_UNREADABLE", `${table}.${name} is no finite number in ${odd} rows`, hint, detail);
  }
};

/** The first day of the row's period; without one all rows share one. */
const periodIn = (analysis: Analysis | undefined): RawBuilder<unknown> =>
  analysis === undefined ? sql`date '0001-01-01'` : periodOf(analysis, "t");

/**
 * Which of the batch's rows go into the class of others of their period: those of a class to which fewer people of this batch would add than the
 * policy asks for. What is there already does not hide them: whoever compares last night's counts with tonight's sees what was added
 * (requirement D6). Throws `SUM_UNREADABLE`.
 */
export const drawOthers = async (db: Kysely<unknown>, shape: Shape, step: Anonymise, now: Moment): Promise<void> => {
  const { table, aggregate, analysis } = step;
  if (aggregate === undefined) return;
  await assertFinite(db, shape, step);
  const scope = scopeFor(shape, table);
  const keys = keyNames(scope);
  const classes = aggregate.classes.map((each) => classOf(step, each, now));
  const period = sql`row(${periodIn(analysis)})`;
  const isOther = aggregate.classes.map(
    (each) => sql`${classOf(step, each, now)} is not distinct from ${otherOf(each)}`,
  );
  const zKeys = sql.join(keys.map((name) => column("z", name)));
  const owned = sql`select ${zKeys}, j.key as person, (${and(isOther)}) as other,
      dense_rank() over (order by row(${sql.join([periodIn(analysis), ...classes])})) as cell,
      dense_rank() over (order by ${period})::int as grp, hashtext(${period}::text) as class
    from ${scopeTable(shape, table)} z join ${tableName(table)} t on ${sameRow(scope, "t", "z")}
      join ${subjects} j on j.request = z.request where not z.spared`;
  const same = and(keys.map((name) => sql`${column("z", name)} = ${column("r", name)}`));
  await sql`update ${scopeTable(shape, table)} z
    set ${sql.id(otherName)} = r.other, ${sql.id(otherGroup)} = r.grp, ${sql.id(otherClass)} = r.class
    from (with owned as materialized (${owned}),
        people as (select cell, count(distinct person) as people from owned group by cell)
      select distinct ${sql.join(keys.map((name) => column("o", name)))}, o.other or people < ${aggregate.among} as other, grp, class
      from owned o join people using (cell)) r where ${same} and not z.spared`.execute(db);
};

/**
 * The rows go, and are counted: one row for each class and period is added to what the other table says of it, or is new there. What was
 * added is read from what PostgreSQL returned, and compared with what went.
 */
export const countedInto = (
  shape: Shape,
  step: Anonymise,
  aggregate: PlannedAggregate,
  analysis: Analysis,
  { at }: BatchFacts,
): Change => {
  const { table } = step;
  const { into, classes, count, sums, period } = aggregate;
  const old = carriedBy(shape, table).map(({ name }) => column("s", name));
  const isOther = column("s", otherName);
  const q = classes.map((_, index) => sql.id(`q${index}`));
  const v = sums.map((_, index) => sql.id(`v${index}`));
  const gone = [
    sql`s.request`,
    ...old,
    sql`${periodIn(analysis)} as day`,
    ...classes.map(
      (each, index) =>
        sql`case when ${isOther} then ${otherOf(each)} else ${classOf(step, each, at)} end as ${sql.id(`q${index}`)}`,
    ),
    ...sums.map(({ of }, index) => sql`${column("t", of)}::numeric as ${sql.id(`v${index}`)}`),
  ];
  const cellOf = sql.join([sql`day`, ...q]);
  const same = and([
    ...(period === undefined ? [] : [sql`${column("a", period)} = c.day`]),
    ...classes.map(({ column: name, nullable }, index) => {
      const value = sql.id("c", `q${index}`);
      // Equality can be hashed and looked up; where something may be empty, it has to be told from nothing.
      return nullable ? sql`${column("a", name)} is not distinct from ${value}` : sql`${column("a", name)} = ${value}`;
    }),
  ]);
  const counts = [count, ...sums.map((each) => each.into)];
  const added = [sql`c.rows`, ...v.map((name) => sql`coalesce(c.${name}, 0)`)];
  const says = counts.map((name, index) => sql`${column("a", name)}::numeric as ${sql.id(`n${index}`)}`);
  const set = counts.map((name, index) => sql`${sql.id(name)} = coalesce(${column("a", name)}, 0) + ${added[index]}`);
  const names = [...(period === undefined ? [] : [period]), ...classes.map((each) => each.column), ...counts];
  const values = [
    ...(period === undefined ? [] : [sql`c.day`]),
    ...classes.map((_, index) => sql.id("c", `q${index}`)),
    ...added,
  ];
  const day = period === undefined ? sql`date '0001-01-01'` : column("a", period);
  const measures = analysis.conserve.map((total, index) => {
    const place = total.measure === "count" ? 0 : 1 + sums.findIndex(({ of }) => of === total.column);
    return { name: sql.id(`new${index}`), n: sql.id(`n${place}`) };
  });
  const first = sql`gone as materialized (
      delete from ${tableName(table)} t using (${targets(shape, table)}) s
      where ${sameRow(scopeFor(shape, table), "t", "s")} returning ${sql.join(gone)}),
    cells as materialized (select ${cellOf}, row_number() over () as cell, count(*) as rows
      ${sql.join(
        v.map((name) => sql`, sum(${name}) as ${name}`),
        sql``,
      )} from gone group by ${cellOf}),
    was as materialized (select c.cell, ${sql.join(says)} from cells c join ${tableName(into)} a on ${same}),
    updated as (update ${tableName(into)} a set ${sql.join(set)} from cells c where ${same} returning c.cell, ${day} as new_period, ${sql.join(says)}),
    inserted as (insert into ${tableName(into)} as a (${sql.join(names.map((name) => sql.id(name)))})
      select ${sql.join(values)} from cells c where not exists (select from was b where b.cell = c.cell) returning ${day} as new_period, ${sql.join(says)}),
    came as (
      select u.new_period ${sql.join(
        measures.map(({ name, n }) => sql`, u.${n} - coalesce(b.${n}, 0) as ${name}`),
        sql``,
      )} from updated u join was b using (cell)
      union all select i.new_period ${sql.join(
        measures.map(({ name, n }) => sql`, i.${n} as ${name}`),
        sql``,
      )} from inserted i),`;
  const carried = carriedBy(shape, table).map(({ name }) => sql.id(name));
  return { first, changed: sql`select ${sql.join([sql`request`, ...carried])} from gone`, came: sql`came` };
};
