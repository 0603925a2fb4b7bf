import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";

/**
 * I8: of archived subjects only what tells that they are active again is kept: where their marked rows are, and who was asked for. What was
 * erased, or is marked for good, cannot come back; when nothing of somebody can, nothing is known of them any more.
 */
export const forgetArchived = async (tx: Kysely<StateDb>, requests: readonly number[]): Promise<void> => {
  const ids = sql`any (${[...requests]}::bigint[])`;
  await sql`delete from lethe.identity where request_id = ${ids}`.execute(tx);
  await sql`delete from lethe.grace where request_id = ${ids}`.execute(tx);
  await sql`delete from lethe.subject where request_id = ${ids} and mark is null`.execute(tx);
  await sql`delete from lethe.subject_identifier i where request_id = ${ids}
    and not exists (select from lethe.subject s where s.request_id = i.request_id and s.store = i.store)`.execute(tx);
  await sql`delete from lethe.request_identifier i where request_id = ${ids}
    and not exists (select from lethe.subject s where s.request_id = i.request_id)`.execute(tx);
};
