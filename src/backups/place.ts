import { sql, type Kysely } from "kysely";
import type { BackupConfig, Config } from "#config.ts";
import { isThere } from "#db/backup-sets.ts";
import type { StateDb } from "#db/state-schema.ts";
import { digestOf } from "#lib/canonical.ts";

/**
 * Where a repository is, as a digest: where an answer comes from decides what it proves. Nobody asks the old place any more once the configuration
 * names another under the same name, and there "it is not here" would pass for "it is gone". Accounts and passwords are no part of a place, and
 * whose backups they are is.
 */
export const placeOf = (config: BackupConfig): string => {
  const { kind, store } = config;
  switch (kind) {
    case "directory":
      return digestOf({ kind, store, path: config.path, wal: config.wal ?? null });
    case "s3":
      return digestOf({ kind, store, endpoint: config.endpoint ?? null, bucket: config.bucket, prefix: config.prefix });
    case "pgbackrest":
      return digestOf({ kind, store, stanza: config.stanza, repo: config.repo, config: config.configFile ?? null });
    case "restic":
      return digestOf({ kind, store, repository: withoutAccount(config.repository), tag: config.tag ?? null });
  }
};

const withoutAccount = (url: string): string => url.replace(/\/\/[^/@]*@/, "//");

/** The place in which backups of a repository were listed that are not known to be gone; undefined where there are none. */
const recordedPlace = async (db: Kysely<StateDb>, repository: string): Promise<string | undefined> => {
  const { rows } = await sql<{ place: string }>`select place from lethe.backup_place as known
    where repository = ${repository} and ${holdsAnything}`.execute(db);
  return rows[0]?.place;
};

/** Whether the configuration names another place than that of backups which are not known to be gone. */
export const hasMoved = async (db: Kysely<StateDb>, config: BackupConfig): Promise<boolean> => {
  const place = await recordedPlace(db, config.name);
  return place !== undefined && place !== placeOf(config);
};

/** Together with what was listed there. */
export const recordPlace = async (db: Kysely<StateDb>, config: BackupConfig): Promise<void> => {
  await sql`insert into lethe.backup_place (repository, store, place) values (${config.name}, ${config.store}, ${placeOf(config)})
    on conflict (repository) do update set store = excluded.store, place = excluded.place`.execute(db);
};

/** A repository that the configuration names no more, though backups in it are not known to be gone. */
export type Unconfigured = { readonly repository: string; readonly store: string };

export const unconfigured = async (
  db: Kysely<StateDb>,
  { backups }: Pick<Config, "backups">,
): Promise<readonly Unconfigured[]> => {
  const { rows } = await sql<Unconfigured>`select repository, store from lethe.backup_place as known
    where repository <> all (${backups.map(({ name }) => name)}::text[]) and ${holdsAnything} order by repository`.execute(
    db,
  );
  return rows;
};

const holdsAnything = sql<boolean>`(exists (select from lethe.backup_set held where held.repository = known.repository and ${isThere})
  or exists (select from lethe.backup_log l where l.repository = known.repository))`;
