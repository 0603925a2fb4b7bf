import { sql } from "kysely";
import { measuredTables, measureOf } from "#anonymity/measure-rule.ts";
import { inTransaction } from "#execute/store-session.ts";
import type { Work } from "#night/erasure.ts";

/** Measures, once a run and before its first batch, the tables in which people are to be hidden: reports show them before and after. */
export const measureBefore = async ({
  ctx,
  run,
  session,
  catalog,
}: Pick<Work, "ctx" | "run" | "session" | "catalog">): Promise<void> => {
  const { store, db } = session;
  for (const { table, analytics } of measuredTables(store.policy)) {
    const known =
      await sql`select from lethe.anonymity_before where run_id = ${run.id} and store = ${store.name} and table_name = ${table}`.execute(
        ctx.state.db,
      );
    if (known.rows.length > 0) continue;
    const measures = await inTransaction(session, "read-only", () => measureOf(db, catalog, table, analytics));
    await sql`insert into lethe.anonymity_before (run_id, store, table_name, measures)
      values (${run.id}, ${store.name}, ${table}, ${JSON.stringify(measures)}::jsonb) on conflict do nothing`.execute(
      ctx.state.db,
    );
  }
};
