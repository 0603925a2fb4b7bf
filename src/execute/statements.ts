import { sql, type RawBuilder } from "kysely";
import type { JournalSchema } from "#db/journal.ts";
import type { LateTreatment } from "#records/anonymity.ts";
import type { Conserve } from "#policy/policy.ts";
import { hasNoKey, type Analysis, type ColumnChange, type Scope, type Shape, type Step } from "#records/plan.ts";
import { joinedMeans } from "#execute/means.ts";
import { transformSql, type Moment } from "#execute/transforms.ts";
import {
  carriedBy,
  column,
  hasOneOwner,
  keyNames,
  periodOf,
  relationText,
  sameRow,
  scopeOf,
  scopeTable,
  shareOf,
  subjects,
  tableName,
} from "#scope/sql.ts";
import { removed } from "#scope/stopped.ts";

/** `seed` is the secret that makes `{random}` unpredictable; `at` is when the batch runs; `journal` is where it is recorded. */
export type BatchFacts = {
  readonly batch: string;
  readonly seed: string;
  readonly at: Moment;
  /** The controller's. */
  readonly timeZone: string;
  readonly journal: JournalSchema;
};

/** A table of the journal that the batch is recorded in. */
export const journalTable = ({ journal }: Pick<BatchFacts, "journal">, name: string): RawBuilder<unknown> =>
  sql.id(journal, `journal_${name}`);

/** A step that treats rows of the subjects, as their table's rule says. */
export type Treating = Exclude<Step, { kind: "cut" }>;

/** What a statement says of itself: rows that it returned, rows that it was about, and rows whose clock is no day of years 1 to 9999. */
export type Done = { readonly changed: number; readonly wanted: number; readonly unreadable: number };

/**
 * The one statement of a step, for all subjects of the batch. It changes the rows and writes what it did, per request, into the journal, in
 * the same statement: what is recorded is what PostgreSQL returned, not what was asked for (I12).
 */
export const statementFor = (shape: Shape, step: Treating, facts: BatchFacts): RawBuilder<Done> => {
  switch (step.kind) {
    case "erase":
      if (step.late !== undefined && step.late.conserve.length > 0) return conserving(shape, step, step.late, facts);
      return record(
        shape,
        step,
        facts,
        sql`delete from ${tableName(step.table)} t using (${owned(shape, step.table)}) s
        where ${sameRow(scopeFor(shape, step.table), "t", "s")} returning s.request`,
      );
    case "anonymise":
    case "keep":
      // Every column may be kept: then the rows are only counted.
      if (step.changes.length === 0)
        return record(
          shape,
          step,
          facts,
          sql`select request from ${scopeTable(shape, step.table)} s where not spared and not ${removed(shape, step.table, "s")}`,
        );
      return step.kind === "keep" || step.analysis === undefined || step.analysis.conserve.length === 0
        ? record(shape, step, facts, update(shape, step.table, step.changes, facts, sql`s.request`))
        : conserving(shape, step, step.analysis, facts);
    case "retain": {
      const scope = scopeFor(shape, step.table);
      const restricted = step.readableBy.length === 0 ? sql`` : sql`, ${keyText(scope, "s")} as restricted`;
      const read = sql`s.request, ${clockDay(step, facts)} as clock ${restricted}`;
      if (step.changes.length > 0)
        return record(shape, step, facts, update(shape, step.table, step.changes, facts, read));
      return record(
        shape,
        step,
        facts,
        sql`select ${read} from ${scopeTable(shape, step.table)} s
        join ${tableName(step.table)} t on ${sameRow(scopeFor(shape, step.table), "t", "s")} where not s.spared`,
      );
    }
  }
};

/**
 * The day from which a retained row's period counts: of a time the later one, by the controller's clocks or by UTC, by which clocks are told
 * elsewhere. What is odd stays odd: whoever reads it finds it so.
 */
export const clockDay = (
  { clock, clockType }: Pick<Extract<Step, { kind: "retain" }>, "clock" | "clockType">,
  { timeZone }: Pick<BatchFacts, "timeZone">,
): RawBuilder<unknown> => {
  const value = column("t", clock);
  return clockType.endsWith("with time zone")
    ? sql`greatest((${value} at time zone 'UTC')::date, (${value} at time zone ${timeZone}::text)::date)`
    : sql`${value}::date`;
};

/** Spared rows per request and table, for all scopes of treated tables. */
export const recordSpared = (shape: Shape, facts: BatchFacts): RawBuilder<unknown> => {
  const treated = shape.steps.filter((step) => step.kind !== "cut").map((step) => step.table);
  const parts = treated.map(
    (table) => sql`select ${facts.batch}::uuid, request, ${table}::text, count(*)
      from ${scopeTable(shape, table)} where spared group by request`,
  );
  return sql`insert into ${journalTable(facts, "spared")} (batch, request, table_name, rows) ${sql.join(parts, sql` union all `)}`;
};

export const scopeFor = (shape: Shape, table: string): Scope => {
  const scope = scopeOf(shape, table);
  if (scope === undefined) throw new TypeError(`no scope for ${table}`);
  return scope;
};

const record = (shape: Shape, step: Treating, facts: BatchFacts, change: RawBuilder<unknown>): RawBuilder<Done> => {
  const clocks =
    step.kind === "retain" ? sql`min(clock), max(clock), count(*) filter (where clock is null)` : sql`null, null, 0`;
  const reads = step.kind === "retain" && step.changes.length === 0;
  const restricts = step.kind === "retain" && step.readableBy.length > 0 ? restricting(step.table, facts) : sql``;
  const follows = step.kind !== "erase" && step.changes.length > 0 ? following(shape, step.table) : sql``;
  return sql`with changed as ${reads ? sql`materialized` : sql``} (${change}) ${follows} ${restricts}, recorded as (
    insert into ${journalTable(facts, "step")} (batch, request, table_name, treatment, rows, clock_first, clock_last, undated, late)
    select ${facts.batch}::uuid, request, ${step.table}, ${step.kind}, count(*), ${clocks}, ${lateOf(step)} from changed group by request returning rows)
    ${done(shape, step.table, step.kind === "retain" ? ["clock"] : [])}`;
};

/** What was done in the place of the rule, because the deadline has come. */
const lateOf = (step: Treating): RawBuilder<LateTreatment | null> => {
  if (step.kind === "erase" && step.late !== undefined) return sql`'erase'`;
  return step.kind === "anonymise" && step.late === true ? sql`'suppress'` : sql`null`;
};

/** From the commit on, only the roles that the policy names find the rows (Art. 18 GDPR). */
const restricting = (table: string, { journal }: BatchFacts): RawBuilder<unknown> =>
  sql`, restricting as (insert into ${sql.id(journal, "restricted")} (relation, key)
    select distinct ${relationText(table)}::regclass, restricted from changed on conflict do nothing)`;

/** Between these days, periods can be counted and every day that comes out can be written down. */
const readable = sql`between date '0001-01-01' and date '9999-12-31'`;

const done = (shape: Shape, table: string, clocks: readonly string[]): RawBuilder<Done> => {
  const odd = sql.join([sql`false`, ...clocks.map((name) => sql`${sql.id(name)} not ${readable}`)], sql` or `);
  return sql`select coalesce(sum(rows), 0)::int8 as changed, (select count(*) from (${entriesToTreat(shape, table)}) e) as wanted,
    (select count(*) from changed where ${odd}) as unreadable from recorded`;
};

/** The keys of the rows that a table's own statement is about: each once, unless requests for the same person have it in common. */
export const entriesToTreat = (shape: Shape, table: string): RawBuilder<unknown> => {
  const scope = scopeFor(shape, table);
  const keys = sql.join(keyNames(scope).map((name) => column("s", name)));
  return sql`select ${hasOneOwner(shape, scope) ? sql`` : sql`distinct`} ${keys} from ${scopeTable(shape, table)} s
    where not s.spared and not ${removed(shape, table, "s")}`;
};

/** Where a row was and where it is by now, of a table without a key. */
export const places = (shape: Shape, table: string): RawBuilder<unknown> =>
  hasNoKey(scopeFor(shape, table)) ? sql`, s.k1 as o1, s.k2 as o2, t.tableoid as n1, t.ctid as n2` : sql``;

/** The entries of such rows follow them, whatever comes after: another cut, the table's own rule, or who reads back. */
export const following = (shape: Shape, table: string): RawBuilder<unknown> =>
  hasNoKey(scopeFor(shape, table))
    ? sql`, followed as (update ${scopeTable(shape, table)} z set k1 = c.n1, k2 = c.n2 from changed c where z.k1 = c.o1 and z.k2 = c.o2)`
    : sql``;

/** The rows to erase: one that two subjects of the batch have in common is counted for the first, whatever the planner makes of it. */
const owned = (shape: Shape, table: string): RawBuilder<unknown> => {
  const scope = scopeFor(shape, table);
  const keys = sql.join(keyNames(scope).map((name) => sql.id(name)));
  return hasOneOwner(shape, scope)
    ? sql`select request, ${keys} from ${scopeTable(shape, table)} where not spared`
    : sql`select min(request) as request, ${keys} from ${scopeTable(shape, table)} where not spared group by ${keys}`;
};

/**
 * The rows to change. Two subjects of one batch can share a row that can be reached in several ways, and whatever hangs on it: it is
 * changed once, with both their patterns, and counted for the first.
 */
const targets = (shape: Shape, table: string): RawBuilder<unknown> => {
  const scope = scopeFor(shape, table);
  const names = [...keyNames(scope), ...carriedBy(shape, table).map(({ name }) => name)];
  const keys = sql.join(names.map((name) => column("s", name)));
  return hasOneOwner(shape, scope)
    ? sql`select s.request, ${keys}, j.pattern
        from ${scopeTable(shape, table)} s join ${subjects} j on j.request = s.request where not s.spared`
    : sql`select min(s.request) as request, ${keys},
        '(?:' || string_agg(distinct j.pattern, '|') || ')' as pattern
        from ${scopeTable(shape, table)} s join ${subjects} j on j.request = s.request where not s.spared group by ${keys}`;
};

/** Of several columns as a record, whose text form keeps `a/b, c` and `a, b/c` apart. */
const keyText = (scope: Scope, alias: string): RawBuilder<unknown> => {
  const keys = keyNames(scope).map((name) => column(alias, name));
  return keys.length === 1 ? sql`${sql.join(keys)}::text` : sql`row(${sql.join(keys)})::text`;
};

const assignments = (
  shape: Shape,
  table: string,
  changes: readonly ColumnChange[],
  facts: BatchFacts,
): RawBuilder<unknown> => {
  const key = keyText(scopeFor(shape, table), "s");
  return sql.join(
    changes.map(
      (change) =>
        sql`${sql.id(change.name)} = ${transformSql(change, { row: "t", subject: "s", table, key, seed: facts.seed, now: facts.at })}`,
    ),
  );
};

const update = (
  shape: Shape,
  table: string,
  changes: readonly ColumnChange[],
  facts: BatchFacts,
  returning: RawBuilder<unknown>,
): RawBuilder<unknown> =>
  sql`update ${tableName(table)} t set ${assignments(shape, table, changes, facts)}
    from (${targets(shape, table)}) s ${joinedMeans(shape, table, changes, facts.at)} where ${sameRow(scopeFor(shape, table), "t", "s")} returning ${returning} ${places(shape, table)}`;

const measureName = (total: Conserve): string => (total.measure === "count" ? "count" : `sum(${total.column})`);

/**
 * A change that also counts its totals: an update proves that they stay, and says what a deadline has cost. The old values came into the scope table from the same snapshot, the new ones are what the update returned,
 * and both are summed per period in this one statement. Rows outside the batch are not touched, so their share of a total cannot change.
 */
const conserving = (
  shape: Shape,
  step: Extract<Step, { kind: "anonymise" | "erase" }>,
  analysis: Analysis,
  facts: BatchFacts,
): RawBuilder<Done> => {
  const stays = step.kind === "anonymise";
  const returned = sql.join([
    sql`s.request`,
    ...carriedBy(shape, step.table).map(({ name }) => column("s", name)),
    ...(stays
      ? [
          sql`${periodOf(analysis, "t")} as new_period`,
          ...analysis.conserve.map((total, index) => sql`${shareOf(total, "t")} as ${sql.id(`new${index}`)}`),
        ]
      : []),
  ]);
  const change = stays
    ? update(shape, step.table, step.changes, facts, returned)
    : sql`delete from ${tableName(step.table)} t using (${targets(shape, step.table)}) s
        where ${sameRow(scopeFor(shape, step.table), "t", "s")} returning ${returned}`;
  const totals = analysis.conserve.flatMap((total, index) => [
    sql`select ${measureName(total)}::text as measure, old_period as period, sum(${sql.id(`old${index}`)}) as before, 0::numeric as after from changed group by 2`,
    ...(stays
      ? [
          sql`select ${measureName(total)}::text, new_period, 0::numeric, sum(${sql.id(`new${index}`)}) from changed group by 2`,
        ]
      : []),
  ]);
  const follows = stays ? following(shape, step.table) : sql``;
  return sql`with changed as (${change}) ${follows}, totals as (
    insert into ${journalTable(facts, "total")} (batch, table_name, measure, period, before, after, late)
    select ${facts.batch}::uuid, ${step.table}, measure, coalesce(period, date '0001-01-01'), coalesce(sum(before), 0), coalesce(sum(after), 0),
      ${lateOf(step)} is not null
    from (${sql.join(totals, sql` union all `)}) m group by measure, coalesce(period, date '0001-01-01')), recorded as (
    insert into ${journalTable(facts, "step")} (batch, request, table_name, treatment, rows, late)
    select ${facts.batch}::uuid, request, ${step.table}, ${step.kind}, count(*), ${lateOf(step)} from changed group by request returning rows)
    ${done(shape, step.table, stays ? ["old_period", "new_period"] : ["old_period"])}`;
};
