import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";

/**
 * Forgets whom requests are about: the identifiers as requested, where the subjects were found, and what was read from
 * their root rows (I8). Belongs into the transaction that ends the request.
 */
export const forgetSubjects = (db: Kysely<StateDb>, requests: readonly number[]): Promise<void> =>
  remove(db, requests, ["request_identifier", "subject_identifier", "identity", "grace", "subject"]);

/** What was recorded of them begins anew; what it was is in the ledger. */
export const forgetRecord = (db: Kysely<StateDb>, requests: readonly number[]): Promise<void> =>
  remove(db, requests, ["disposition", "remedy", "stay", "outcome", "subject_identifier", "subject"]);

const remove = async (db: Kysely<StateDb>, requests: readonly number[], tables: readonly string[]): Promise<void> => {
  for (const table of tables) {
    await sql`delete from ${sql.id("lethe", table)} where request_id = any (${[...requests]}::bigint[])`.execute(db);
  }
};
