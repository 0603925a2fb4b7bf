import { lstat, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { newestSegment, setOf } from "#backups/directory/base-backup-set.ts";
import { removeBaseBackup, type BaseBackup } from "#backups/directory/base-backup.ts";
import { removeDump, verifyDump } from "#backups/directory/dump.ts";
import { examine, odditiesOf, type Entry } from "#backups/directory/entry.ts";
import { archiveOf, listLog } from "#backups/directory/log-archive.ts";
import { purgeLog } from "#backups/directory/purge-log.ts";
import { errnoOf } from "#backups/directory/read-file.ts";
import { restoreBaseBackup } from "#backups/directory/restore.ts";
import { verifierOf } from "#backups/directory/verify-base-backup.ts";
import type { BackupSet, Inventory, Repository } from "#backups/repository.ts";
import type { DirectoryConfig } from "#config.ts";
import { LetheError } from "#lib/errors.ts";

/**
 * A directory, perhaps with an archive of the write-ahead log beside it. Every regular file directly in it is a set, a dump, and so is every directory in
 * it that has a `backup_manifest`, a base backup. Side-cars (`NAME.sha256`) and dotfiles belong to others; unfinished files, links and other directories
 * are named and left alone.
 */
export const directoryRepository = (config: DirectoryConfig, timeZone: string): Repository => {
  const { name: repository, wal, keepDays } = config;
  const pathOf = (name: string): string => join(config.path, name);
  const verifyBaseBackup = verifierOf(wal);
  let seen: Seen = { entries: new Map(), bases: new Map(), isLost: false };
  return {
    inventory: async (known) => {
      const names = await listing(config);
      const byName = new Map(known.map((set) => [set.name, set]));
      const entries = new Map<string, Entry>();
      for (const name of names) {
        if (name.startsWith(".") || name.endsWith(".sha256") || pathOf(name) === wal) continue;
        const entry = await examine({ name, path: pathOf(name), timeZone }, byName.get(name));
        if (entry.kind === "gone" || entry.kind === "emptied") names.delete(name);
        entries.set(name, entry);
      }
      const bases = new Map(
        [...entries].flatMap(([name, entry]) => (entry.kind === "base" ? [[name, entry.base]] : [])),
      );
      const sets = [...entries].flatMap(([name, entry]): readonly BackupSet[] => {
        if (entry.kind === "dump") return [entry.set];
        return entry.kind === "base" ? [setOf({ name, all: bases, timeZone }, entry.base, byName.get(name))] : [];
      });
      const log = wal === undefined ? undefined : await listLog(wal, repository);
      seen = { entries, bases, isLost: sets.length === 0 && known.length > 0 };
      return {
        sets,
        names,
        oddities: [...[...entries].flatMap(odditiesOf), ...(log?.oddities ?? [])],
        logs: log === undefined ? [] : archiveOf(log, newestSegment(bases)),
      } satisfies Inventory;
    },

    verifyRestorable: (set) =>
      seen.bases.has(set.name) ? verifyBaseBackup(set.name, seen.bases) : verifyDump(pathOf(set.name), set),

    remove: (set) => (seen.bases.has(set.name) ? removeBaseBackup : removeDump)(pathOf(set.name), set),

    finish: async ({ now }) => {
      const entries = [...seen.entries];
      for (const [name, { kind }] of entries) if (kind === "emptied") await rmdir(pathOf(name)).catch(() => undefined);
      // What is not mounted may need all of it.
      if (wal === undefined || seen.isLost) return true;
      const others = entries.flatMap(([, entry]) => {
        if (entry.kind === "begun") return [entry.label];
        return entry.kind === "odd" && entry.code === "BACKUP_UNREADABLE" ? [undefined] : [];
      });
      return purgeLog({ path: wal, repository, keepDays, bases: [...seen.bases.values()], others, now });
    },

    restore: async ({ name }, into) => {
      const base = seen.bases.get(name);
      return base === undefined ? { kind: "dump", file: pathOf(name) } : restoreBaseBackup(base, into, wal);
    },

    present: async ({ name }) => {
      try {
        const stat = await lstat(pathOf(name));
        return !stat.isDirectory() || (await readdir(pathOf(name))).length > 0;
      } catch (error) {
        return errnoOf(error) !== "ENOENT";
      }
    },
  };
};

/** What the last inventory was made of. `isLost`: sets were known and none is there, as when a disk is not mounted. */
type Seen = {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly bases: ReadonlyMap<string, BaseBackup>;
  readonly isLost: boolean;
};

const listing = async (config: DirectoryConfig): Promise<Set<string>> => {
  try {
    return new Set((await readdir(config.path)).toSorted());
  } catch (cause) {
    throw new LetheError(
      "BACKUPS_UNREADABLE",
      `backups ${config.name}: the directory cannot be read (${errnoOf(cause)})`,
      {
        hint: "mount it, or correct backups.path in the configuration and the directory's permissions",
        cause,
      },
    );
  }
};
