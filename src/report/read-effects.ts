import { sql } from "kysely";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { FigureItem, RemedyItem, RemedyTotal, TaskItem } from "#report/outcome-document.ts";
import type { Scope } from "#report/scope.ts";

/** What the runs did about rows that would have stopped a request, in all. */
export const readRemedyTotals = (snapshot: Snapshot, { ids }: Pick<Scope, "ids">): Promise<RemedyTotal[]> =>
  all(
    snapshot,
    sql<RemedyTotal>`
      select store, code, table_name as table, action, sum(rows)::bigint as rows, count(distinct request_id) as requests
      from lethe.remedy where run_id = any(${ids}::text[])
      group by store, code, table_name, action order by store, code, table_name, action`,
  );

export async function* readRemedies(snapshot: Snapshot, { ids }: Pick<Scope, "ids">): AsyncGenerator<RemedyItem> {
  yield* stream(
    snapshot,
    sql<RemedyItem>`
      select request.ref, remedy.store, remedy.code, remedy.table_name as table, remedy.action, sum(remedy.rows)::bigint as rows
      from lethe.remedy join lethe.request on request.id = remedy.request_id
      where remedy.run_id = any(${ids}::text[]) group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5`,
  );
}

/** Figures before the first batch of the runs and after their last, in the order of the policy. */
export const readFigures = (snapshot: Snapshot, { ids }: Pick<Scope, "ids">): Promise<FigureItem[]> =>
  all(
    snapshot,
    sql<FigureItem>`
      with taken as (
        select store, figure, position, before, after,
          first_value(before) over batches as earliest, last_value(after) over batches as latest
        from lethe.figure where run_id = any(${ids}::text[])
        window batches as (partition by store, figure order by id rows between unbounded preceding and unbounded following)
      )
      select store, figure, earliest::text as before, latest::text as after, sum(after - before)::text as change,
        (latest - earliest - sum(after - before))::text as meanwhile, bool_and(before = after) as equal
      from taken group by store, figure, earliest, latest order by store, min(position), figure`,
  );

/** The tasks of recipients as they stand, whichever run recorded them. */
export const readTasks = (snapshot: Snapshot): Promise<TaskItem[]> =>
  all(
    snapshot,
    sql<TaskItem>`
      select store, recipient, task, count(*) filter (where state = 'open') as open,
        count(*) filter (where state = 'done') as done, count(*) filter (where state = 'failed') as failed,
        min(recorded_at) filter (where state = 'open') as "oldestOpen"
      from lethe.task group by store, recipient, task order by store, recipient, task`,
  );
