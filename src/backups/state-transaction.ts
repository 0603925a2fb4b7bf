import type { Transaction } from "kysely";
import type { State } from "#context.ts";
import { databaseError } from "#db/database-error.ts";
import type { StateDb } from "#db/state-schema.ts";

/** One transaction on Lethe's own database; driver errors come out without row values. */
export const inState = async <T>(state: State, work: (tx: Transaction<StateDb>) => Promise<T>): Promise<T> => {
  try {
    return await state.db.transaction().execute(work);
  } catch (error) {
    throw databaseError(error, state.pool.label);
  }
};
