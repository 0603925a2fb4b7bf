import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { remedyFor, sqlFailureOf } from "#db/database-error.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";

const tries = 3;

/**
 * Runs `work` in one transaction of Lethe's own database. A deadlock with a night at work is tried again; other errors
 * come out as `LetheError`s without row values. A crash anywhere inside leaves nothing behind.
 */
export const inTransaction = async <T>(
  ctx: Pick<Context, "state">,
  work: (db: Kysely<StateDb>) => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withClient(ctx.state.pool, (client) => kyselyOn<StateDb>(client).transaction().execute(work));
    } catch (error) {
      const failure = sqlFailureOf(error);
      if (attempt >= tries || failure === undefined || remedyFor(failure) !== "retry") throw error;
    }
  }
};

/** Reads without a transaction of its own. */
export const reading = <T>(ctx: Pick<Context, "state">, work: (db: Kysely<StateDb>) => Promise<T>): Promise<T> =>
  withClient(ctx.state.pool, (client) => work(kyselyOn<StateDb>(client)));

/**
 * Whoever adds requests holds this until the transaction ends: two imports that name the same person would otherwise
 * both find no open request and make two.
 */
export const lockIntake = async (db: Kysely<StateDb>): Promise<void> => {
  await sql`select pg_advisory_xact_lock(hashtextextended('lethe.intake', 0))`.execute(db);
};
