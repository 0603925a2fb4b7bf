import { sql } from "kysely";
import type { State } from "#context.ts";
import { migrate } from "#db/migrate.ts";
import { closePool, kyselyOver, openPool } from "#db/pool.ts";
import { stateMigrations } from "#db/state-migrations.ts";
import type { StateDb } from "#db/state-schema.ts";

/** Connects to Lethe's own database and brings its schema up to date. Close it with `closePool(state.pool)`. */
export const openState = async (url: string): Promise<State> => {
  const pool = openPool({ url, max: 8, applicationName: "lethe", label: "state" });
  const db = kyselyOver<StateDb>(pool);
  try {
    await migrate(db, "state", stateMigrations);
    return { pool, db };
  } catch (error) {
    await closePool(pool);
    throw error;
  }
};

/**
 * Brings the planner's picture of our own tables up to date. They grow by thousands of rows in a minute, long before autovacuum comes round, and a
 * plan made for an empty table takes minutes on a full one. Columns that hold identifiers have no statistics.
 */
export const analyseState = async ({ db }: State): Promise<void> => {
  await sql`analyze lethe.request, lethe.subject, lethe.request_identifier, lethe.subject_identifier`.execute(db);
};
