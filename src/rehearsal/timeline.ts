import { sql } from "kysely";
import type { Context } from "#context.ts";

/** What went in one or several nights that follow each other, by one rule. */
export type TimelineItem = {
  /** ISO dates of the first and the last of these nights. */
  readonly first: string;
  readonly last: string;
  readonly nights: number;
  readonly what: string;
  /** What became of it. */
  readonly how: string;
  readonly rows: number;
  readonly rule: string;
};

/**
 * What Lethe's own records say of the nights since `from`: people, records and backups, in the order in which they went. Nights in which the same
 * rule let rows of the same table go are one line, up to the next night in which something else went as well.
 */
export const readTimeline = async (ctx: Context, from: string): Promise<readonly TimelineItem[]> => {
  const { timeZone } = ctx.config.controller;
  const day = (column: string) => sql`(${sql.ref(column)} at time zone ${timeZone}::text)::date`;
  const { rows } = await sql<TimelineItem>`with went as (
      select ${day("run.started_at")} as day, table_name as what,
        case treatment when 'erase' then 'erased' else 'anonymised' end as how, rows, basis as rule, 2 as place
      from lethe.expiry join lethe.run on run.id = expiry.run_id where run.started_at >= ${from}::timestamptz
      union all select ${day("erased_at")}, 'people', 'erased', 1, coalesce('Art. 17(1)(' || ground || ') GDPR', 'request'), 0 from lethe.request
        where erased_at >= ${from}::timestamptz
      union all select ${day("completed_at")}, 'requests', 'completed', 1, 'last backup gone', 3 from lethe.request where completed_at >= ${from}::timestamptz
      union all select ${day("purged_at")}, 'backups', 'purged', 1, 'retention of ' || repository, 1 from lethe.backup_set
        where state = 'purged' and purged_at >= ${from}::timestamptz),
    days as (select day, what, how, rule, place, sum(rows)::bigint as rows from went group by 1, 2, 3, 4, 5),
    runs as (select *, dense_rank() over (order by day) - dense_rank() over (partition by what, how, rule order by day) as run from days)
    select min(day) as first, max(day) as last, count(*) as nights, what, how, sum(rows)::bigint as rows, rule from runs
    group by what, how, rule, place, run order by min(day), place, what, rule`.execute(ctx.state.db);
  return rows;
};
