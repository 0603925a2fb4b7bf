import { sql, type Kysely } from "kysely";
import { goneFrom } from "#db/backup-sets.ts";
import type { StateDb } from "#db/state-schema.ts";
import { touchedStores } from "#db/touched-stores.ts";

/** A store that the person of a request was in, and that a restore may have brought them back into: it is not released. */
export const broughtBackInto = async (db: Kysely<StateDb>, requestRef: string): Promise<string | undefined> => {
  const { rows } = await sql<{
    store: string;
  }>`select place.store from lethe.request cross join lateral (${touchedStores}) as place
    where ref = ${requestRef} and ${goneFrom(sql`place.store`)} = 'infinity' order by 1 limit 1`.execute(db);
  return rows[0]?.store;
};
