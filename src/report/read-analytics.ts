import { sql } from "kysely";
import { stream, type Snapshot } from "#report/cursor.ts";
import type { AnonymityMore } from "#db/outcome-tables.ts";
import { usualK, type Reason } from "#records/anonymity.ts";
import type { AnonymityItem, LateItem } from "#report/anonymity-document.ts";
import type { ConservedItem } from "#report/report-document.ts";
import type { Scope } from "#report/scope.ts";

type ConservedRow = ConservedItem & { withheld: boolean };

/**
 * Totals before and after per table, measure and period, over all batches of the runs. Values are withheld (D5, D6)
 * where they would describe a person rather than a crowd: when fewer subjects than the table's threshold were in the
 * runs; when a period holds fewer events than that; and in the next smallest period, where the total of the table
 * would otherwise give the withheld ones away by subtraction. The threshold is the largest that was ever measured: a run that
 * died before it measured must not tell more than one that did. Nor must a table of which nothing is measured tell of one person alone: what holds
 * there is what a policy gets that names no k.
 */
export async function* readConserved(snapshot: Snapshot, { ids }: Scope): AsyncGenerator<ConservedItem> {
  const query = sql<ConservedRow>`
    with total as (
      select store, table_name, measure, period, sum(before) as before, sum(after) as after, bool_and(before = after) as equal, bool_or(late and before <> after) as late
      from lethe.conserved where run_id = any(${ids}::text[]) group by store, table_name, measure, period
    ), threshold as (
      select store, table_name, max(threshold) as least from lethe.anonymity group by store, table_name
    ), crowd as (
      select store, table_name, count(distinct request_id) as subjects from lethe.disposition
      where run_id = any(${ids}::text[]) and rows > 0 group by store, table_name
    ), sized as (
      select total.*, coalesce(least, ${usualK}) as least, coalesce(subjects, 0) as subjects, events.before as events,
        coalesce(sum(events.before) over (partition by store, table_name, total.measure
          order by events.before, period rows between unbounded preceding and 1 preceding), 0) as smaller
      from total left join threshold using (store, table_name) left join crowd using (store, table_name)
        left join (select store, table_name, period, before from total where measure = 'count') as events
          using (store, table_name, period)
    )
    select store, table_name as table, measure, period, before::text, after::text, equal, case when late then 'deadline' end as why,
      late or subjects < least or coalesce(events < least or (smaller > 0 and smaller < least), false) as withheld
    from sized order by store, table_name, measure, sized.period`;
  for await (const { withheld, ...row } of stream(snapshot, query)) {
    yield withheld ? { ...row, before: null, after: null } : row;
  }
}

export async function* readLate(snapshot: Snapshot, { ids }: Scope): AsyncGenerator<LateItem> {
  yield* stream(
    snapshot,
    sql<LateItem>`select r.ref, store, table_name as table, late, rows, r.due_on as due from lethe.late join lethe.request r on r.id = request_id
      where late.run_id = any (${ids}::text[]) order by r.ref, store, table_name`,
  );
}

/** What of the reasons is a threshold that is missed, and not a matter of what else there is. */
const missed: readonly Reason[] = ["small-classes", "few-values", "far-values", "matched"];

type AnonymityRow = Omit<AnonymityItem, "label" | "met">;

/** The latest measurement of each table in the runs, beside the one before the first of them. */
export async function* readAnonymity(snapshot: Snapshot, { ids }: Scope): AsyncGenerator<AnonymityItem> {
  const query = sql<AnonymityRow & { more: AnonymityMore }>`
    select distinct on (a.store, a.table_name) a.store, a.table_name as table, quasi, threshold, k, classes, rows, below, more,
      (select b.measures from lethe.anonymity_before b where b.run_id = any (${ids}::text[]) and (b.store, b.table_name) = (a.store, a.table_name)
        order by b.run_id limit 1) as before,
      (select coalesce(sum(d.rows), 0)::int8 from lethe.disposition d where d.run_id = any (${ids}::text[]) and d.treatment = 'anonymise'
        and (d.store, d.table_name) = (a.store, a.table_name)) as touched,
      measured_at as "measuredAt"
    from lethe.anonymity a where a.run_id = any (${ids}::text[]) order by a.store, a.table_name, measured_at desc`;
  for await (const { more, measuredAt, ...row } of stream(snapshot, query)) {
    const { reasons } = more;
    const met = !reasons.some((reason) => missed.includes(reason));
    yield { ...row, ...more, met, label: reasons.length === 0 ? "anonymous" : "de-identified", measuredAt };
  }
}
