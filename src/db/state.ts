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
