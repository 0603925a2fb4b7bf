import { sql } from "kysely";
import { all, type Snapshot } from "#report/cursor.ts";
import type { EndedItem, ExpiredItem, ExpiryRestItem } from "#report/retention-document.ts";
import type { Scope } from "#report/scope.ts";

export const readExpired = (snapshot: Snapshot, { ids }: Pick<Scope, "ids">): Promise<ExpiredItem[]> =>
  all(
    snapshot,
    sql<ExpiredItem>`select store, table_name as "table", treatment, sum(rows)::bigint as rows, class, basis, max(through) as through,
        min(clock_first) as first, max(clock_last) as last
      from lethe.expiry where run_id = any (${ids}::text[]) group by store, table_name, treatment, class, basis
      order by store, table_name, treatment, basis`,
  );

export const readEnded = (snapshot: Snapshot, { ids }: Pick<Scope, "ids">): Promise<EndedItem[]> =>
  all(
    snapshot,
    sql<EndedItem>`select store, table_name as "table", ended_as as "as", count(distinct request_id) as requests, sum(rows)::bigint as rows, basis,
        count(distinct request_id) filter (where not exists (select from lethe.disposition o
          where o.request_id = d.request_id and o.treatment = 'retain' and o.rows > 0 and o.ended_on is null)) as complete
      from lethe.disposition d where ended_run = any (${ids}::text[]) group by store, table_name, ended_as, basis
      order by store, table_name, ended_as, basis`,
  );

/** As the latest of the runs found it. */
export const readExpiryRest = (snapshot: Snapshot, { ids }: Pick<Scope, "ids">): Promise<ExpiryRestItem[]> =>
  all(
    snapshot,
    sql<ExpiryRestItem>`select distinct on (store, table_name) store, table_name as "table", due as waiting,
        without_clock as "withoutClock", indexed, proposal
      from lethe.expiry_rest join lethe.run on run.id = expiry_rest.run_id where run_id = any (${ids}::text[])
      order by store, table_name, started_at desc`,
  );
