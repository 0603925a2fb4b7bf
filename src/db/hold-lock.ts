import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";

/**
 * Taken first in a transaction of Lethe's own database, until it ends: a legal hold is recorded (`hold`) before or after a batch is frozen
 * (`freeze`), never beside it. What is held before, the freezing sees, whichever request of the person the hold is on.
 */
export const lockHolds = async (tx: Kysely<StateDb>, who: "hold" | "freeze"): Promise<void> => {
  const lock = who === "hold" ? sql`pg_advisory_xact_lock` : sql`pg_advisory_xact_lock_shared`;
  await sql`select ${lock}(hashtextextended('lethe.hold', 0))`.execute(tx);
};
