import { needsOf, type BaseBackups } from "#backups/directory/base-backup-set.ts";
import type { BaseBackup } from "#backups/directory/base-backup.ts";
import { compareFiles } from "#backups/directory/compare-files.ts";
import { unreadOf } from "#backups/directory/read-file.ts";
import { hasLog, segmentsIn } from "#backups/directory/verify-log.ts";
import type { ReadSegment } from "#backups/directory/wal-records.ts";
import type { BackupCode } from "#backups/repository.ts";

/**
 * Tells of base backups, by name among all, whether one can be restored from it: its files and those of all that it builds on are as they were made, and
 * the log is there that it needs, with it or in the archive in the directory `wal`. What was read once is not read again.
 */
export const verifierOf = (wal: string | undefined) => {
  const compared = new WeakMap<BaseBackup, Promise<BackupCode | undefined>>();
  const compare = (base: BaseBackup): Promise<BackupCode | undefined> => {
    const comparison = compared.get(base) ?? compareFiles(base);
    compared.set(base, comparison);
    return comparison;
  };
  const archive: ReadSegment = wal === undefined ? async function* () {} : segmentsIn(wal);
  return async (name: string, all: BaseBackups): Promise<BackupCode | undefined> => {
    const base = all.get(name);
    if (base === undefined) return "BACKUP_UNREADABLE";
    const wrong = await compare(base);
    if (wrong !== undefined) return wrong;
    for (const needed of chainOf(base, all)) {
      const below = all.get(needed);
      if (below === undefined || (await compare(below)) !== undefined) return "BACKUP_NOT_RESTORABLE";
    }
    try {
      return (await hasLog(base, archive)) ? undefined : "BACKUP_NOT_RESTORABLE";
    } catch (error) {
      return unreadOf(error);
    }
  };
};

/** All that it builds on, whatever that builds on. */
const chainOf = (base: BaseBackup, all: BaseBackups): ReadonlySet<string> => {
  const chain = new Set(needsOf(base, all));
  // What is added on the way is gone through as well.
  for (const name of chain) {
    const needed = all.get(name);
    if (needed !== undefined) for (const below of needsOf(needed, all)) chain.add(below);
  }
  return chain;
};
