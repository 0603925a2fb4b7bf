import { lstat, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { isWhole } from "#backups/decide.ts";
import { newestSegment, setOf } from "#backups/directory/base-backup-set.ts";
import { removeBaseBackup, type BaseBackup } from "#backups/directory/base-backup.ts";
import { begunSet, removeBegun } from "#backups/directory/begun-backup.ts";
import { finishedName, removeDump, verifyDump } from "#backups/directory/dump.ts";
import { examine, odditiesOf, type Entry } from "#backups/directory/entry.ts";
import { archiveOf, listLog } from "#backups/directory/log-archive.ts";
import { purgeLog } from "#backups/directory/purge-log.ts";
import { restoreBaseBackup } from "#backups/directory/restore.ts";
import { verifierOf } from "#backups/directory/verify-base-backup.ts";
import type { BackupSet, Inventory, Repository } from "#backups/repository.ts";
import { dateInName } from "#backups/set-date.ts";
import type { DirectoryConfig } from "#config.ts";
import { LetheError } from "#lib/errors.ts";
import { syncDirectory } from "#lib/files.ts";
import { errnoOf } from "#lib/errno.ts";

/**
 * A directory, perhaps with an archive of the write-ahead log beside it. Every regular file directly in it is a set, a dump, and so is every directory in
 * it that has a `backup_manifest`, a base backup. One that was begun and not completed, a file or a base backup, is an unfinished set. Side-cars
 * (`NAME.sha256`) and dotfiles belong to others, but for those under which rsync writes; links and other directories are named and left alone.
 */
export const directoryRepository = (config: DirectoryConfig, timeZone: string): Repository => {
  const { name: repository, wal, keepDays } = config;
  const pathOf = (name: string): string => join(config.path, name);
  const verifyBaseBackup = verifierOf(wal);
  let seen: Seen = { entries: new Map(), bases: new Map(), isLost: false };
  return {
    inventory: async (known) => {
      const names = new Set<string>();
      const entries = new Map<string, Entry>();
      const look = async (): Promise<void> => {
        const listed = await listing(config);
        for (const name of listed) {
          if (names.has(name) || entries.has(name)) continue;
          names.add(name);
          const isOthers = name.startsWith(".") ? !isBegunByRsync(name, listed, timeZone) : name.endsWith(".sha256");
          if (isOthers || pathOf(name) === wal) continue;
          const entry = await examine({ name, path: pathOf(name), timeZone }, known.get(name));
          if (entry.kind === "gone" || entry.kind === "emptied") names.delete(name);
          entries.set(name, entry);
        }
      };
      await look();
      // What is completed meanwhile gets another name: it is there twice then, and not never.
      await look();
      const bases = new Map(
        [...entries].flatMap(([name, entry]) => (entry.kind === "base" ? [[name, entry.base]] : [])),
      );
      const sets = [...entries].flatMap(([name, entry]): readonly BackupSet[] => {
        if (entry.kind === "dump") return [entry.set];
        if (entry.kind === "begun") return [begunSet(name, entry.begun, timeZone)];
        return entry.kind === "base" ? [setOf({ name, all: bases, timeZone }, entry.base, known.get(name))] : [];
      });
      const log = wal === undefined ? undefined : await listLog(wal, repository);
      seen = { entries, bases, isLost: !sets.some(isWhole) && known.size > 0 };
      return {
        sets,
        names,
        oddities: [...[...entries].flatMap(odditiesOf), ...(log?.oddities ?? [])],
        logs: log === undefined ? [] : archiveOf(log, newestSegment(bases)),
      } satisfies Inventory;
    },

    verifyRestorable: async (set) => {
      if (!isWhole(set)) return "BACKUP_PARTIAL";
      return seen.bases.has(set.name) ? verifyBaseBackup(set.name, seen.bases) : verifyDump(pathOf(set.name), set);
    },

    remove: (set) => {
      if (seen.entries.get(set.name)?.kind === "begun") return removeBegun(pathOf(set.name), set);
      return (seen.bases.has(set.name) ? removeBaseBackup : removeDump)(pathOf(set.name), set);
    },

    finish: async ({ now }) => {
      const entries = [...seen.entries];
      for (const [name, { kind }] of entries) if (kind === "emptied") await rmdir(pathOf(name)).catch(() => undefined);
      if (!(await lasts(config.path))) return false;
      // What is not mounted may need all of it.
      if (wal === undefined || seen.isLost) return true;
      const others = entries.flatMap(([, entry]) => {
        if (entry.kind === "unclear") return [entry.label];
        return entry.kind === "odd" && entry.code === "BACKUP_UNREADABLE" ? [undefined] : [];
      });
      const begun = entries.flatMap(([, entry]) => (entry.kind === "begun" ? [entry.begun] : []));
      const bases = [...seen.bases.values(), ...begun];
      const purged = await purgeLog({ path: wal, repository, keepDays, bases, others, now });
      return purged === true && !(await lasts(wal)) ? false : purged;
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

/** A power cut must not bring back what is about to be called gone. There are file systems that cannot be asked to see to it; one that fails says so. */
const lasts = (directory: string): Promise<boolean> =>
  syncDirectory(directory).then(
    () => true,
    (error: unknown) => errnoOf(error) !== "EIO",
  );

/** Rsync writes into a dotfile first: of a file that is there, or that has a date as backups have. */
const isBegunByRsync = (name: string, listed: ReadonlySet<string>, timeZone: string): boolean => {
  const finished = finishedName(name);
  return finished !== undefined && (listed.has(finished) || dateInName(finished, timeZone) !== undefined);
};

/** What the last inventory was made of. `isLost`: sets were known and none is there that is whole, as when a disk is not mounted. */
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
