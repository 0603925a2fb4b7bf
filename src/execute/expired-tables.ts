import { sql } from "kysely";
import type { Context } from "#context.ts";

/**
 * Tables of a store whose rows expired in this run, or in one before it that died before it had searched for what is left: of those rows too
 * views and statistics may still hold copies.
 */
export const expiredTables = async ({ state }: Context, store: string): Promise<ReadonlySet<string>> => {
  const { rows } = await sql<{ table: string }>`with searched as (
      select max(run.ledger_from) as begins from lethe.expiry_rest rest join lethe.run on run.id = rest.run_id where rest.store = ${store})
    select distinct gone.table_name as "table" from lethe.run join lethe.expiry gone on gone.run_id = run.id, searched
    where gone.store = ${store} and (searched.begins is null or run.ledger_from > searched.begins)`.execute(state.db);
  return new Set(rows.map(({ table }) => table));
};
