import { sql, type Kysely } from "kysely";
import type { Config } from "#config.ts";
import { unconfigured } from "#backups/place.ts";
import { heldFrom, isThere } from "#db/backup-sets.ts";
import type { StateDb } from "#db/state-schema.ts";

/**
 * How far the backups of a store go back: an instant as PostgreSQL reads it. Subjects erased before it are in none of them.
 * `infinity`: the configuration keeps no backups of the store; `-infinity`: nobody knows what they hold.
 */
export type Reach = { readonly store: string; readonly oldest: string };

/**
 * The reach of every configured store, from the inventories that the run `runId` has recorded. A repository without one, or with
 * one that lists nothing (a disk that is not mounted looks like that), makes its store's reach unknown; and so does one that the configuration
 * names no more, while its backups are not known to be gone.
 */
export const reaches = async (
  db: Kysely<StateDb>,
  { stores, columnStores, backups }: Pick<Config, "stores" | "columnStores" | "backups">,
  runId: string,
): Promise<readonly Reach[]> => {
  const forsaken = (await unconfigured(db, { backups })).map(({ store }) => store);
  const { rows } = await sql<Reach>`
    with repository as (
      select repository.name, repository.store,
        exists (select from lethe.ledger_entry
          where index >= coalesce((select ledger_from from lethe.run where id = ${runId}), 0)
            and kind = 'backup.inventory' and run_id = ${runId}
            and body::jsonb ->> 'repository' = repository.name and (body::jsonb ->> 'sets')::bigint > 0) as listed
      from unnest(${backups.map(({ name }) => name)}::text[], ${backups.map(({ store }) => store)}::text[])
        as repository (name, store))
    select store.name as store, min(case
        when store.name = any (${forsaken}::text[]) then '-infinity'
        when repository.name is null then 'infinity'
        when not repository.listed then '-infinity'
        else least(coalesce((select min(${heldFrom}) from lethe.backup_set held
          where held.repository = repository.name and ${isThere}), '-infinity'),
          (select min(since) from lethe.backup_log log where log.repository = repository.name))
      end::timestamptz)::text as oldest
    from unnest(${[...stores, ...columnStores].map(({ name }) => name)}::text[]) as store (name)
    left join repository on repository.store = store.name
    group by store.name order by store.name`.execute(db);
  return rows;
};
