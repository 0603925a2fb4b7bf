import { sql, type RawBuilder } from "kysely";
import { journalTable, type BatchFacts } from "#execute/batch-facts.ts";
import { countedInto } from "#execute/aggregate.ts";
import { keyText, putInAgain, targets, update, type Change } from "#execute/changing.ts";
import { entriesToTreat, following, scopeFor } from "#execute/entries.ts";
import type { LateTreatment } from "#records/anonymity.ts";
import { conserveText } from "#policy/conserve.ts";
import { takesRows, type Analysis, type Shape, type Step } from "#records/plan.ts";
import {
  carriedBy,
  column,
  hasOneOwner,
  keyNames,
  dimensionsOf,
  oddOf,
  periodOf,
  relationText,
  sameRow,
  scopeTable,
  shareOf,
  tableName,
  totalOf,
} from "#scope/sql.ts";
import { removed } from "#scope/stopped.ts";

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
      if (step.late !== undefined && step.late.conserve.length > 0)
        return conserving(shape, step, step.late, facts, takenOut(shape, step.table));
      return record(
        shape,
        step,
        facts,
        sql`delete from ${tableName(step.table)} t using (${owned(shape, step.table)}) s
        where ${sameRow(scopeFor(shape, step.table), "t", "s")} returning s.request`,
      );
    case "anonymise":
    case "keep":
      if (step.kind === "anonymise" && (step.reorder !== undefined || step.aggregate !== undefined))
        return anonymise(shape, step, facts);
      // Every column may be kept: then the rows are only counted.
      if (step.changes.length === 0)
        return record(
          shape,
          step,
          facts,
          sql`select request from ${scopeTable(shape, step.table)} s where not spared and not ${removed(shape, step.table, "s")}`,
        );
      return step.kind === "keep"
        ? record(shape, step, facts, update(shape, step.table, step.changes, facts, sql`s.request`))
        : anonymise(shape, step, facts);
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

const record = (
  shape: Shape,
  step: Treating,
  facts: BatchFacts,
  change: RawBuilder<unknown>,
  first: RawBuilder<unknown> = sql``,
): RawBuilder<Done> => {
  const clocks =
    step.kind === "retain" ? sql`min(clock), max(clock), count(*) filter (where clock is null)` : sql`null, null, 0`;
  const reads = step.kind === "retain" && step.changes.length === 0;
  const restricts = step.kind === "retain" && step.readableBy.length > 0 ? restricting(step.table, facts) : sql``;
  const moves = "changes" in step && (step.changes.length > 0 || ("reorder" in step && step.reorder !== undefined));
  const follows = moves ? following(shape, step.table) : sql``;
  return sql`with ${first} changed as ${reads ? sql`materialized` : sql``} (${change}) ${follows} ${restricts}, recorded as (
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

/** The rows to erase: one that two subjects of the batch have in common is counted for the first, whatever the planner makes of it. */
const owned = (shape: Shape, table: string): RawBuilder<unknown> => {
  const scope = scopeFor(shape, table);
  const keys = sql.join(keyNames(scope).map((name) => sql.id(name)));
  return hasOneOwner(shape, scope)
    ? sql`select request, ${keys} from ${scopeTable(shape, table)} where not spared`
    : sql`select min(request) as request, ${keys} from ${scopeTable(shape, table)} where not spared group by ${keys}`;
};

type Anonymise = Extract<Step, { kind: "anonymise" }>;

const anonymise = (shape: Shape, step: Anonymise, facts: BatchFacts): RawBuilder<Done> => {
  const { analysis } = step;
  const conserved = analysis === undefined || analysis.conserve.length === 0 ? undefined : analysis;
  if (step.aggregate !== undefined && conserved !== undefined)
    return conserving(shape, step, conserved, facts, countedInto(shape, step, step.aggregate, conserved, facts));
  const old = conserved === undefined ? [] : carriedBy(shape, step.table).map(({ name }) => column("s", name));
  const now =
    conserved === undefined
      ? []
      : [
          sql`${periodOf(conserved, "t")} as new_period`,
          sql`${dimensionsOf(conserved, "t", "after")} as new_dimensions`,
          ...conserved.conserve.map((total, index) => sql`${shareOf(total, "t")} as ${sql.id(`new${index}`)}`),
        ];
  const before = [sql`s.request`, ...old];
  const change: Change =
    step.reorder === undefined
      ? { first: sql``, changed: update(shape, step.table, step.changes, facts, sql.join([...before, ...now])) }
      : putInAgain(shape, step, step.reorder, facts, { before, now });
  return conserved === undefined
    ? record(shape, step, facts, change.changed, change.first)
    : conserving(shape, step, conserved, facts, change);
};

/** Rows that go because a deadline has come, with their share of the totals. */
const takenOut = (shape: Shape, table: string): Change => {
  const old = carriedBy(shape, table).map(({ name }) => column("s", name));
  return {
    first: sql``,
    changed: sql`delete from ${tableName(table)} t using (${targets(shape, table)}) s
      where ${sameRow(scopeFor(shape, table), "t", "s")} returning ${sql.join([sql`s.request`, ...old])}`,
  };
};

/**
 * A change that also counts its totals: an update proves that they stay, and says what a deadline has cost. The old values came into the scope table from the same snapshot, the new ones are what the update returned,
 * and both are summed per period in this one statement. Rows outside the batch are not touched, so their share of a total cannot change.
 */
const conserving = (
  shape: Shape,
  step: Extract<Step, { kind: "anonymise" | "erase" }>,
  analysis: Analysis,
  facts: BatchFacts,
  { first, changed, came }: Change,
): RawBuilder<Done> => {
  const comes = step.kind === "anonymise";
  const stays = !takesRows(step);
  const totals = analysis.conserve.flatMap((total, index) => {
    const name = sql`${conserveText(total)}::text`;
    const [old, now] = [sql.id(`old${index}`), sql.id(`new${index}`)];
    const [before, after] = [totalOf(total, old), sql`0::numeric, ${totalOf(total, now)}, - ${oddOf(total, now)}`];
    const people = sql`count(distinct request)`;
    return [
      sql`select ${name} as measure, old_period as period, old_dimensions as dimensions, ${before} as before, 0::numeric as after,
        ${oddOf(total, old)} as odd, ${people} as people from changed group by 2, 3`,
      ...(comes
        ? [
            came === undefined
              ? sql`select ${name}, new_period, new_dimensions, ${after}, ${people} from changed group by 2, 3`
              : sql`select ${name}, new_period, '{}'::jsonb, ${after}, 0 from ${came} group by 2`,
          ]
        : []),
    ];
  });
  const follows = stays ? following(shape, step.table) : sql``;
  return sql`with ${first} changed as (${changed}) ${follows}, totals as (
    insert into ${journalTable(facts, "total")} (batch, table_name, measure, period, dimensions, before, after, equal, people, threshold, late)
    select ${facts.batch}::uuid, ${step.table}, measure, coalesce(period, date '0001-01-01'), dimensions, coalesce(sum(before), 0), coalesce(sum(after), 0),
      coalesce(sum(before), 0) = coalesce(sum(after), 0) and sum(odd) = 0, max(people), ${analysis.k}, ${lateOf(step)} is not null
    from (${sql.join(totals, sql` union all `)}) m group by measure, coalesce(period, date '0001-01-01'), dimensions), recorded as (
    insert into ${journalTable(facts, "step")} (batch, request, table_name, treatment, rows, late)
    select ${facts.batch}::uuid, request, ${step.table}, ${step.kind}, count(*), ${lateOf(step)} from changed group by request returning rows)
    ${done(shape, step.table, stays ? ["old_period", "new_period"] : ["old_period"])}`;
};
