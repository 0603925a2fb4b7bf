import { sql } from "kysely";

/** `matter, requests`: how many requests wait for which matter, each counted once; for a `with` clause. */
export const waitingFor = sql`select matter, count(*) as requests from lethe.request q
  cross join lateral unnest(string_to_array(q.detail ->> 'matter', ', ')) as matter
  where q.state in ('blocked', 'held') and q.code in ('LEGAL_HOLD', 'SUBJECT_HELD') group by matter`;
