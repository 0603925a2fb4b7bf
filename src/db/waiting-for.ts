import { sql, type RawBuilder } from "kysely";
import { goneFrom, heldFrom, isThere, keptBackups } from "#db/backup-sets.ts";
import { touchedStores } from "#db/touched-stores.ts";

/**
 * `matter, requests`: how many requests wait for which matter, each counted once; for a `with` clause. Who is erased waits for a backup that is kept
 * and may hold them.
 */
export const waitingFor = (timeZone: string): RawBuilder<unknown> => sql`
  with oldest as (select h.matter, h.store, min(${heldFrom}) as since from (${keptBackups(timeZone)}) as kept
      join lethe.hold h on h.ref = kept.hold
      join lethe.backup_set held on held.repository = kept.repository and held.name = kept.name and ${isThere}
    group by h.matter, h.store)
  select matter, count(distinct id) as requests from (
    select matter, q.id from lethe.request q cross join lateral unnest(string_to_array(q.detail ->> 'matter', ', ')) as matter
      where q.state in ('blocked', 'held') and q.code in ('LEGAL_HOLD', 'SUBJECT_HELD')
    union all
    select oldest.matter, request.id from oldest join lethe.request on request.state = 'erased' and oldest.since <= ${goneFrom(sql`oldest.store`)}
      where oldest.store in (${touchedStores})) as waiting
  group by matter`;
