import { sql, type Kysely } from "kysely";
import type { Temporal } from "temporal-polyfill";
import type { Config } from "#config.ts";
import type { StateDb } from "#db/state-schema.ts";

/**
 * Notes at the beginning of a run in which stores it is kept by what erased people are recognised: those whose backups the configuration names.
 * Where it is not kept any more, it begins anew.
 */
export const rememberStores = async (tx: Kysely<StateDb>, { backups }: Config, at: Temporal.Instant): Promise<void> => {
  const stores = [...new Set(backups.map(({ store }) => store))];
  await sql`delete from lethe.remembered where not (store = any (${stores}::text[]))`.execute(tx);
  await sql`insert into lethe.remembered (store, since) select store, ${at.toString()} from unnest(${stores}::text[]) store
    on conflict do nothing`.execute(tx);
};
