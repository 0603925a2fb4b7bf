import { sql } from "kysely";
import { all, type Snapshot } from "#report/cursor.ts";
import type { RestoreItem } from "#report/retention-document.ts";

type Runs = { readonly ids: readonly string[] };

/** Restores that are not released, and those that these runs noticed or released: by their entries, as a restore belongs to no run. */
export const readRestores = (snapshot: Snapshot, { ids }: Runs): Promise<RestoreItem[]> =>
  all(
    snapshot,
    sql<RestoreItem>`
      select o.store, o.as_of as "asOf", o.noticed_at as noticed, o.batches, o.released_at as released,
        coalesce(o.repeated, count(r.id) filter (where r.state in ('erased', 'archived', 'completed'))) as repeated,
        coalesce(o.refused, count(r.id) filter (where r.state in ('refused', 'withdrawn'))) as refused,
        count(r.id) filter (where r.state not in ('erased', 'archived', 'completed', 'refused', 'withdrawn')) as open
      from lethe.restore o left join lethe.request r on r.restore_id = o.id
      where o.released_at is null or exists (select from lethe.run where run.id = any (${ids}::text[])
        and o.released_at >= run.started_at and o.released_at <= coalesce(run.ended_at, 'infinity'))
      group by o.id order by o.id`,
  );
