import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";

/**
 * Forgets whom requests are about: the identifiers as requested, where the subjects were found, and what was read from
 * their root rows (I8). Belongs into the transaction that ends the request.
 */
export const forgetSubjects = async (db: Kysely<StateDb>, requestIds: readonly number[]): Promise<void> => {
  const ids = sql`any(${requestIds}::bigint[])`;
  await sql`delete from lethe.request_identifier where request_id = ${ids}`.execute(db);
  await sql`delete from lethe.subject_identifier where request_id = ${ids}`.execute(db);
  await sql`delete from lethe.identity where request_id = ${ids}`.execute(db);
  await sql`delete from lethe.grace where request_id = ${ids}`.execute(db);
  await sql`delete from lethe.subject where request_id = ${ids}`.execute(db);
};
