import type { BackupConfig } from "#config.ts";
import type { Context } from "#context.ts";
import { exceptionOf, type BackupException, type Retention } from "#backups/decide.ts";
import { isMissingFrom } from "#backups/departures.ts";
import type { BackupCode, BackupSet, Inventory, Removal, Repository } from "#backups/repository.ts";
import { heldSets } from "#backups/set-records.ts";
import { forEachAtOnce } from "#lib/at-once.ts";
import { isLetheError } from "#lib/errors.ts";

/** What became of each set that was to go; undefined: we were stopped before it, or a legal hold came. */
export type Removals = ReadonlyMap<BackupSet, Removal | undefined>;

export type ReadBack = {
  /** Deleted by us, and found neither in the listing nor by name. */
  readonly gone: ReadonlySet<BackupSet>;
  /** Names on record that are neither in the listing nor found when they are asked for: only what is here has left the repository. */
  readonly absent: ReadonlySet<string>;
  readonly exceptions: readonly BackupException[];
};

/**
 * The second look. A listing alone proves nothing: it may come late, leave something out, or be of another place than it was. So whatever it lacks is
 * asked for by its name, and stays on record while that finds it.
 */
export const readBack = async (
  { state }: Context,
  { name }: BackupConfig,
  repository: Repository,
  {
    removals,
    after,
    retention,
  }: { readonly removals: Removals; readonly after: Inventory; readonly retention: Retention },
): Promise<ReadBack> => {
  const unlisted = await heldSets(state, name, (set) => !after.names.has(set.name));
  // Another runner may have taken from the record what we deleted.
  const removed = [...removals].flatMap(([set, is]) => (is === "removed" && !after.names.has(set.name) ? [set] : []));
  const absent = new Set<string>();
  await forEachAtOnce(
    new Set([...unlisted, ...removed].map((set) => set.name)),
    repository.atOnce ?? 1,
    async (each) => {
      if (!(await isPresent(repository, each))) absent.add(each);
    },
  );
  const gone = new Set(removed.filter((set) => absent.has(set.name)));
  const isMissing = isMissingFrom(after);
  const undeleted = [...removals].flatMap(([set, removal]) => {
    if (removal === "removed") return gone.has(set) ? [] : [set];
    // That it had vanished, or was another one, holds only for what is not listed as it was.
    return removal === "refused" || removal === "full" || (removal !== undefined && !isMissing(set)) ? [set] : [];
  });
  const told = new Set(undeleted.map((set) => set.name));
  const doubted = unlisted.filter((set) => !absent.has(set.name) && !told.has(set.name));
  return {
    gone,
    absent,
    exceptions: [
      ...undeleted.map((set) => exceptionOf(set, codeOf(removals.get(set)), retention)),
      ...doubted.map((set) =>
        exceptionOf(set, set.state === "condemned" ? "BACKUP_NOT_DELETED" : "BACKUP_UNREADABLE", retention),
      ),
    ],
  };
};

export const codeOf = (refusal: Removal | false | undefined): BackupCode =>
  refusal === "full" ? "BACKUP_DISK_FULL" : "BACKUP_NOT_DELETED";

const isPresent = async (repository: Repository, name: string): Promise<boolean> => {
  try {
    return await repository.present({ name });
  } catch (error) {
    if (isLetheError(error, "BACKUPS_UNREADABLE")) return true;
    throw error;
  }
};
