import { sql } from "kysely";
import { waitingFor } from "#db/waiting-for.ts";
import { all, type Snapshot } from "#report/cursor.ts";
import type { HoldItem } from "#report/retention-document.ts";
import type { Scope } from "#report/scope.ts";

/** Legal holds in force, and those that ended since the run before. They are as many as there are cases. */
export const readHolds = (snapshot: Snapshot, { since }: Pick<Scope, "since">, timeZone: string): Promise<HoldItem[]> =>
  all(
    snapshot,
    sql<HoldItem>`with waiting as materialized (${waitingFor(timeZone)}) select h.ref as hold, h.matter, h.reason, h.kind, r.ref, h.store, h.table_name as "table", h.repository, h.backup, h.from_on as "from", h.to_on as "to",
        h.placed_at as placed, h.until_on as until, h.released_at as released, case when h.released_at is not null then 0 else coalesce(w.requests, 0) end as waiting
      from lethe.hold h left join lethe.request r on r.id = h.request_id left join waiting w on w.matter = h.matter
      where h.released_at is null or ${since}::timestamptz is null or h.released_at >= ${since}::timestamptz
      order by h.released_at nulls first, h.id`,
  );
