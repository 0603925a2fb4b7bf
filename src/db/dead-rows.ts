import { sql } from "kysely";
import type { Context } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";

/**
 * I8: a deleted row stays in its page until VACUUM. The tables that hold identifiers are ours to clean, as soon as the transaction that
 * deleted them is over; the next verification makes up for a process that died in between.
 */
export const removeDeadRows = ({ state }: Pick<Context, "state">): Promise<unknown> =>
  withClient(state.pool, (client) =>
    sql`vacuum lethe.request_identifier, lethe.subject_identifier, lethe.subject, lethe.identity, lethe.grace, lethe.task,
      lethe.hold_identifier, lethe.hold_subject, lethe.conserved, lethe.column_batch`.execute(kyselyOn(client)),
  );
