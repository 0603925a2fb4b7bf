import { sql, type Kysely, type RawBuilder } from "kysely";
import { classesOf, numbered, quasiNames } from "#anonymity/classes.ts";
import { scopeFor } from "#execute/entries.ts";
import { rounded, waits, type TooFew } from "#execute/too-few.ts";
import type { Gate, Late } from "#records/anonymity.ts";
import type { Shape } from "#records/plan.ts";
import { signsOf } from "#scope/treated.ts";
import { and, column, keyNames, sameRow, scopeTable, subjects, tableName } from "#scope/sql.ts";

type Classed = { readonly table: string; readonly gate: Gate; readonly late: Late };

/**
 * The requests with rows in classes of the whole table that are too small or too much alike, with the numbers. `k` is the fewer of rows, of which
 * all of a person who is to be hidden are one, and of people: two who have each four rows alike know each other's.
 */
export const belowClasses = async (db: Kysely<unknown>, shape: Shape, classed: Classed): Promise<readonly TooFew[]> => {
  const { table, gate } = classed;
  const rows = ownRows(shape, table, gate);
  if (gate.t === undefined && !(await anyThin(db, rows, gate, twice(shape, table)))) return [];
  return below(db, shape, rows, classed);
};

/** The batch's rows as they are now: `request, person, q0, …, v0, …`. */
const ownRows = (shape: Shape, table: string, { quasi, sensitive }: Gate): RawBuilder<unknown> => {
  const values = [
    ...quasi.map((name, index) => sql`${column("t", name)} as ${numbered("q", index)}`),
    ...sensitive.map((each, index) => sql`${column("t", each.column)} as ${numbered("v", index)}`),
  ];
  return sql`select ${sql.join([sql`s.request`, sql`s.person`, ...values])} from ${entries(shape, table)} s
    join ${tableName(table)} t on ${sameRow(scopeFor(shape, table), "t", "s")}`;
};

/** With the person that a request is about: somebody who asks twice is one. */
const entries = (shape: Shape, table: string): RawBuilder<unknown> =>
  sql`(select s.*, j.key as person from ${scopeTable(shape, table)} s join ${subjects} j on j.request = s.request where not s.spared)`;

/** How often more than once the batch's rows are entered: for two subjects who share them, or two requests of one person. */
const twice = (shape: Shape, table: string): RawBuilder<unknown> => {
  const keys = sql.join(keyNames(scopeFor(shape, table)).map((name) => sql.id(name)));
  return sql`select coalesce(sum(times - 1), 0) from (select count(*) as times from ${scopeTable(shape, table)} s
    where not s.spared group by ${keys} having count(*) > 1) e`;
};

/**
 * Whether some class has too few rows, or values, in the batch alone; what is entered twice is taken off every class. Where none has, the whole
 * table has no fewer: it need not be read, and for the thousands of a large batch hardly ever is.
 */
const anyThin = async (
  db: Kysely<unknown>,
  rows: RawBuilder<unknown>,
  gate: Gate,
  again: RawBuilder<unknown>,
): Promise<boolean> => {
  const enough = [sql`sum(n) - (${again}) - max(mine) + 1 >= ${gate.k}`, sql`count(distinct person) >= ${gate.k}`];
  if (gate.l !== undefined) {
    for (const index of gate.sensitive.keys()) {
      const value = numbered("v", index);
      enough.push(sql`count(distinct ${value}) + max((${value} is null)::int) >= ${gate.l}`);
    }
  }
  const qs = sql.join(quasiNames(gate));
  const all = sql.join([...quasiNames(gate), ...gate.sensitive.map((_, index) => numbered("v", index))]);
  const { rows: found } = await sql<{ thin: boolean }>`with cell as (
      select ${all}, person, n, sum(n) over (partition by ${qs}, request) as mine
      from (select ${all}, request, person, count(*) as n from (${rows}) own group by ${all}, request, person) c)
    select exists (select from cell group by ${qs} having not (${and(enough)})) as thin`.execute(db);
  return found[0]?.thin ?? false;
};

type Below = { request: number; class: number; rows: number; k: number; l: number | null; t: number | null };

const below = async (
  db: Kysely<unknown>,
  shape: Shape,
  rows: RawBuilder<unknown>,
  { table, gate, late }: Classed,
): Promise<readonly TooFew[]> => {
  const qs = quasiNames(gate);
  const ins = gate.sensitive.map((_, index) => numbered("in", index));
  const joined = ins.map((name) => sql`join ${name} using (c)`);
  const least = ins.length === 0 ? sql`null::int8` : sql`least(${sql.join(ins.map((name) => sql`${name}.l`))})`;
  const most =
    ins.length === 0 ? sql`null::float8` : sql`greatest(${sql.join(ins.map((name) => sql`${name}.distance`))})`;
  const company = sql`least(size - mine + 1, people)`;
  const failing = [
    sql`${company} < ${gate.k}`,
    ...(gate.l === undefined ? [] : [sql`l < ${gate.l}`]),
    // Sums of fractions: what is equal on paper may differ in the last digits.
    ...(gate.t === undefined ? [] : [sql`t > ${gate.t}::float8 + 1e-9`]),
  ];
  const same = qs.map((name) => sql`own.${name} is not distinct from f.${name}`);
  const written = classText(qs.map((name) => sql`own.${name}`));
  const { rows: found } = await sql<Below>`with own as materialized (${rows}),
      ${classesOf(setOf(table, gate), gate, sql`select distinct ${sql.join(qs)} from own`)},
      measured as (select class.*, ${least} as l, ${most} as t from class ${sql.join(joined, sql` `)}),
      mine as (select request, ${sql.join(qs)}, count(*) as mine from own group by request, ${sql.join(qs)}),
      peopled as (${peopleOf(shape, table, gate)})
    select own.request, min(hashtext(${written})) as class, sum(mine)::int8 as rows, min(${company}) as k, min(l) as l, max(t) as t
    from measured f join mine own on ${and(same)} join peopled on peopled.class = ${written} where ${sql.join(failing, sql` or `)}
    group by own.request order by own.request`.execute(db);
  return found.map(({ request, class: of, rows: count, k, l, t }) => ({
    request,
    code: "ANONYMITY_BELOW",
    table,
    class: of,
    detail: {
      table,
      rows: count,
      measured: {
        k,
        ...(l !== null && gate.l !== undefined && { l }),
        ...(t !== null && gate.t !== undefined && { t: rounded(t) }),
      },
      wait: { ...(k < gate.k && { missing: gate.k - k }), then: late },
      hint: waits,
    },
  }));
};

/** A class as text, so that tables can be joined by hashing although NULLs are equal. */
const classText = (quasi: readonly RawBuilder<unknown>[]): RawBuilder<unknown> =>
  sql`row(${sql.join([...quasi])})::text`;

/** `class, people`: how many people are in the classes of `own`, as far as the rows themselves say whose they are. */
const peopleOf = (shape: Shape, table: string, gate: Gate): RawBuilder<unknown> => {
  const names = gate.whose.map((name) => column("t", name));
  const named = sql.join([sql`false`, ...names.map((name) => sql`${name} is not null`)], sql` or `);
  const signs = signsOf(gate.treated, "t");
  const nameless = gate.nameless ? sql`true` : signs.length === 0 ? sql`false` : and(signs);
  const somebody = sql`case when s.person is not null then 'batch ' || s.person
    when not (${nameless}) and (${named}) then 'row ' || row(${sql.join([...names, sql`null`])})::text end`;
  const of = classText(gate.quasi.map((name) => column("t", name)));
  // Most rows of a large table differ in some column, which is told faster than by all of them as text.
  const near = gate.quasi.map((name, index) => {
    const [value, theirs] = [column("t", name), numbered("q", index)];
    return sql`(${value} is null or ${value} in (select ${theirs} from own))`;
  });
  return sql`select class, count(distinct somebody) + count(*) filter (where somebody is null) as people
    from (select ${of} as class, ${somebody} as somebody from ${setOf(table, gate)} t
      left join ${entries(shape, table)} s on ${sameRow(scopeFor(shape, table), "t", "s")}
      where ${and(near)} and ${of} in (select ${classText(quasiNames(gate))} from own)) p group by class`;
};

/** The rows among which people are hidden: the batch's own are nameless by now. */
const setOf = (table: string, { nameless, treated }: Gate): RawBuilder<unknown> =>
  nameless
    ? sql`(select t.*, t.tableoid, t.ctid from ${tableName(table)} t where ${and(signsOf(treated, "t"))})`
    : tableName(table);
