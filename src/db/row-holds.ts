import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import type { RowHold } from "#records/hold.ts";

/** The holds on rows of a store that are in force, in the order in which they were placed. */
export const rowHoldsIn = async (db: Kysely<StateDb>, store: string): Promise<readonly RowHold[]> => {
  const { rows } = await sql<RowHold>`select ref, matter, table_name as "table", clock, from_on as "from", to_on as "to"
    from lethe.hold where kind = 'rows' and store = ${store} and released_at is null order by id`.execute(db);
  return rows;
};
