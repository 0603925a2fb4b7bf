import { sql } from "kysely";
import { all, type Snapshot } from "#report/cursor.ts";
import type { ExpiredItem, ExpiryRestItem } from "#report/retention-document.ts";
import type { Scope } from "#report/scope.ts";

export const readExpired = (snapshot: Snapshot, { ids }: Pick<Scope, "ids">): Promise<ExpiredItem[]> =>
  all(
    snapshot,
    sql<ExpiredItem>`select store, table_name as "table", treatment, sum(rows)::bigint as rows, class, basis, max(through) as through,
        min(clock_first) as first, max(clock_last) as last
      from lethe.expiry where run_id = any (${ids}::text[]) group by store, table_name, treatment, class, basis
      order by store, table_name, treatment, basis`,
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
