import { sql, type Kysely, type RawBuilder } from "kysely";
import { classesOf, numbered, quasiNames } from "#anonymity/classes.ts";
import { comparisonsOf } from "#anonymity/attack.ts";
import { shuffledAmongFew } from "#execute/company.ts";
import { BatchError } from "#execute/failure.ts";
import { scopeFor } from "#execute/entries.ts";
import type { Gate, Late } from "#records/anonymity.ts";
import type { Shape, Step } from "#records/plan.ts";
import type { RequestDetail } from "#records/request.ts";
import { signsOf } from "#scope/treated.ts";
import { and, column, keyNames, sameRow, scopeTable, tableName } from "#scope/sql.ts";

/** The request has rows in classes that are too small or too much alike, or that only one person fits. */
export type TooFew = {
  readonly request: number;
  readonly code: "ANONYMITY_BELOW" | "ATTACK_MATCHED";
  readonly table: string;
  /** The same for those who look alike: a hash that is good for nothing but to put them side by side. */
  readonly class: number;
  readonly detail: RequestDetail;
};

/** Thrown to undo the batch; its other requests may go without those. */
export class GateError extends BatchError {
  readonly tooFew: readonly TooFew[];

  constructor(table: string, code: TooFew["code"], tooFew: readonly TooFew[]) {
    super(code, `people would be recognised in rows of ${table}`, waits, { table });
    this.tooFew = tooFew;
  }
}

/** What somebody who stays below the gate has to know. */
export const waits =
  "it waits until enough others go with it, every night; make what is measured coarser if that takes too long";

/**
 * k, l and t of the classes that hold rows of the batch, as the whole table is after the change (requirement D3) and before the commit, where
 * whoever is to be hidden counts as one row however many are theirs; then whether its rows can be joined to records of people. Throws
 * `ANONYMITY_BELOW` or `ATTACK_MATCHED` naming the requests that have to wait.
 */
export const assertAnonymity = async (
  db: Kysely<unknown>,
  shape: Shape,
  { timeZone, repeats }: { readonly timeZone: string; readonly repeats: boolean },
): Promise<void> => {
  for (const step of shape.steps) {
    if (step.kind !== "anonymise") continue;
    const late = step.analysis?.late ?? "wait";
    // Who is erased once more after a restore was let through before, and the store must not wait for others to serve; unless it was the deadline
    // that let them through, which has come for them once and for all.
    if (repeats && late === "wait") continue;
    await assertCompany(db, shape, step, late);
    if (step.analysis === undefined) continue;
    const { gate, attacks } = step.analysis;
    const { table } = step;
    if (gate !== undefined) await assertClasses(db, shape, { table, gate, late });
    for (const attack of attacks) {
      const comparisons = comparisonsOf(table, attack, timeZone);
      await assertUnmatched(db, shape, { table, late, knows: attack.knows, comparisons });
    }
  }
};

const assertCompany = async (
  db: Kysely<unknown>,
  shape: Shape,
  step: Extract<Step, { kind: "anonymise" }>,
  late: Late,
): Promise<void> => {
  const { table } = step;
  const few = new Map<number, TooFew>();
  for (const { request, class: of, rows, people, among } of await shuffledAmongFew(db, shape, step)) {
    if (few.has(request)) continue;
    const wait = { missing: among - people, then: late };
    const detail = { table, rows, measured: { k: people }, wait, hint: waits };
    few.set(request, { request, code: "ANONYMITY_BELOW", table, class: of, detail });
  }
  if (few.size > 0) throw new GateError(table, "ANONYMITY_BELOW", [...few.values()]);
};

type Classed = { readonly table: string; readonly gate: Gate; readonly late: Late };

const assertClasses = async (db: Kysely<unknown>, shape: Shape, classed: Classed): Promise<void> => {
  const { table, gate } = classed;
  const rows = ownRows(shape, table, gate);
  if (gate.t === undefined && !(await anyThin(db, rows, gate, twice(shape, table)))) return;
  const tooFew = await below(db, rows, classed);
  if (tooFew.length > 0) throw new GateError(table, "ANONYMITY_BELOW", tooFew);
};

/** Throws `ATTACK_MATCHED` naming the requests with rows that fit exactly one person of those records. */
const assertUnmatched = async (
  db: Kysely<unknown>,
  shape: Shape,
  {
    table,
    late,
    knows,
    comparisons,
  }: Omit<Classed, "gate"> & { readonly knows: string; readonly comparisons: ReturnType<typeof comparisonsOf> },
): Promise<void> => {
  const matched = new Map<number, TooFew>();
  for (const { precision, names, ofRow, known } of comparisons) {
    const { rows } = await sql<{ request: number; class: number; rows: number }>`
      select own.request, min(hashtext(row(${names})::text)) as class, count(*) as rows
      from (select s.request, ${ofRow} from ${scopeTable(shape, table)} s
        join ${tableName(table)} t on ${sameRow(scopeFor(shape, table), "t", "s")} where not s.spared) own
      join (${known}) known using (${names}) where persons = 1 group by own.request order by own.request`.execute(db);
    for (const { request, class: of, rows: count } of rows) {
      if (matched.has(request)) continue;
      const hint = `${precision === "exact" ? "exactly" : "roughly"} compared, one person alone fits in ${knows}: ${waits}`;
      matched.set(request, {
        request,
        code: "ATTACK_MATCHED",
        table,
        class: of,
        detail: { table, rows: count, wait: { missing: 1, then: late }, hint },
      });
    }
  }
  if (matched.size > 0) throw new GateError(table, "ATTACK_MATCHED", [...matched.values()]);
};

/** The batch's rows as they are now: `request, q0, …, v0, …`. */
const ownRows = (shape: Shape, table: string, { quasi, sensitive }: Gate): RawBuilder<unknown> => {
  const values = [
    ...quasi.map((name, index) => sql`${column("t", name)} as ${numbered("q", index)}`),
    ...sensitive.map((each, index) => sql`${column("t", each.column)} as ${numbered("v", index)}`),
  ];
  return sql`select ${sql.join([sql`s.request`, ...values])} from ${scopeTable(shape, table)} s
    join ${tableName(table)} t on ${sameRow(scopeFor(shape, table), "t", "s")} where not s.spared`;
};

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
  const enough = [sql`sum(n) - (${again}) - max(mine) + 1 >= ${gate.k}`];
  if (gate.l !== undefined) {
    for (const index of gate.sensitive.keys()) {
      const value = numbered("v", index);
      enough.push(sql`count(distinct ${value}) + max((${value} is null)::int) >= ${gate.l}`);
    }
  }
  const qs = sql.join(quasiNames(gate));
  const all = sql.join([...quasiNames(gate), ...gate.sensitive.map((_, index) => numbered("v", index))]);
  const { rows: found } = await sql<{ thin: boolean }>`with cell as (
      select ${all}, n, sum(n) over (partition by ${qs}, request) as mine
      from (select ${all}, request, count(*) as n from (${rows}) own group by ${all}, request) c)
    select exists (select from cell group by ${qs} having not (${and(enough)})) as thin`.execute(db);
  return found[0]?.thin ?? false;
};

type Below = { request: number; class: number; rows: number; k: number; l: number | null; t: number | null };

const below = async (
  db: Kysely<unknown>,
  rows: RawBuilder<unknown>,
  { table, gate, late }: Classed,
): Promise<readonly TooFew[]> => {
  const qs = quasiNames(gate);
  const ins = gate.sensitive.map((_, index) => numbered("in", index));
  const joined = ins.map((name) => sql`join ${name} using (c)`);
  const least = ins.length === 0 ? sql`null::int8` : sql`least(${sql.join(ins.map((name) => sql`${name}.l`))})`;
  const most =
    ins.length === 0 ? sql`null::float8` : sql`greatest(${sql.join(ins.map((name) => sql`${name}.distance`))})`;
  // Everybody's own rows are one: however many they are, who is alone in a class is recognised by it.
  const failing = [
    sql`size - mine + 1 < ${gate.k}`,
    ...(gate.l === undefined ? [] : [sql`l < ${gate.l}`]),
    // Sums of fractions: what is equal on paper may differ in the last digits.
    ...(gate.t === undefined ? [] : [sql`t > ${gate.t}::float8 + 1e-9`]),
  ];
  const same = qs.map((name) => sql`own.${name} is not distinct from f.${name}`);
  const { rows: found } = await sql<Below>`with own as materialized (${rows}),
      ${classesOf(setOf(table, gate), gate, sql`select distinct ${sql.join(qs)} from own`)},
      measured as (select class.*, ${least} as l, ${most} as t from class ${sql.join(joined, sql` `)}),
      mine as (select request, ${sql.join(qs)}, count(*) as mine from own group by request, ${sql.join(qs)})
    select own.request, min(hashtext(row(${sql.join(qs.map((name) => sql`own.${name}`))})::text)) as class, sum(mine)::int8 as rows, min(size - mine + 1) as k, min(l) as l, max(t) as t
    from measured f join mine own on ${and(same)} where ${sql.join(failing, sql` or `)}
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

/** The rows among which people are hidden: the batch's own are nameless by now. */
const setOf = (table: string, { nameless }: Gate): RawBuilder<unknown> =>
  nameless === undefined
    ? tableName(table)
    : sql`(select t.* from ${tableName(table)} t where ${and(signsOf(nameless, "t"))})`;

/** To four digits, and not to less than what failed. */
export const rounded = (t: number): number => Math.ceil(t * 1e4) / 1e4;
