import type { Kysely, RawBuilder } from "kysely";
import { sqlFailureOf } from "#db/database-error.ts";
import { LetheError, type Place } from "#lib/errors.ts";

/** A query that the night will ask in this form, and what is wrong with the policy when the database cannot answer it. */
export type Probe = {
  readonly query: RawBuilder<unknown>;
  readonly message: string;
  readonly place: Place;
  readonly hint: string;
};

/** Values that a type does not know, and operators and casts that it does not have; other errors are not about the policy. */
const unanswerable = /^(22|42883|42804|42846)/;

/** Throws POLICY_CONTRADICTION for the first query that the database cannot answer, after which the caller's transaction is of no use. */
export const probeAll = async (db: Kysely<unknown>, store: string, probes: readonly Probe[]): Promise<void> => {
  for (const { query, message, place, hint } of probes) {
    try {
      await query.execute(db);
    } catch (error) {
      if (!unanswerable.test(sqlFailureOf(error)?.sqlstate ?? "")) throw error;
      throw new LetheError("POLICY_CONTRADICTION", `store ${store}: ${message}`, { place, hint });
    }
  }
};
