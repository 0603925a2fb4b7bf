import { createHash } from "node:crypto";
import { constants, type BigIntStats } from "node:fs";
import { lstat, open, readdir, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Temporal } from "temporal-polyfill";
import type { DirectoryConfig } from "#config.ts";
import type { BackupSet, Inventory, KnownSet, Oddity, Removal, Repository } from "#backups/repository.ts";
import { dateInName, heldSince } from "#backups/set-date.ts";
import { readSideCar } from "#backups/side-car.ts";
import { readDump } from "#backups/restorable.ts";
import { LetheError } from "#lib/errors.ts";

/**
 * A directory of dump files: every regular file directly in it is a set. Side-cars (`NAME.sha256`) and dotfiles belong
 * to others; unfinished files, links and sub-directories are named and left alone.
 */
export const directoryRepository = (config: DirectoryConfig, timeZone: string): Repository => {
  const pathOf = (name: string): string => join(config.path, name);
  return {
    inventory: async (known) => {
      const names = await listing(config);
      const byName = new Map(known.map((set) => [set.name, set]));
      const sets: BackupSet[] = [];
      const oddities: Oddity[] = [];
      for (const name of names) {
        if (name.startsWith(".") || name.endsWith(".sha256")) continue;
        const found = await examine(config.path, name, byName.get(name), timeZone);
        if (found === "gone") names.delete(name);
        else if ("code" in found) oddities.push(found);
        else sets.push(found);
      }
      return { sets, names, oddities, logs: [] } satisfies Inventory;
    },

    verifyRestorable: async (set) => {
      if (set.bytes === 0) return "BACKUP_NOT_RESTORABLE";
      if (set.sideCar === "mismatch") return "BACKUP_CHECKSUM";
      try {
        await using file = await openFile(pathOf(set.name));
        const verdict = await readDump(file.createReadStream({ start: 0, autoClose: false }));
        if (verdict.content === "broken") return "BACKUP_NOT_RESTORABLE";
        if (verdict.sha256 !== set.sha256) return "BACKUP_CHECKSUM";
        return verdict.content === "unknown" && set.sideCar === "none" ? "BACKUP_NOT_RESTORABLE" : undefined;
      } catch {
        return "BACKUP_UNREADABLE";
      }
    },

    remove: async (set) => {
      try {
        const stat = await lstat(pathOf(set.name), { bigint: true });
        if (!stat.isFile() || Number(stat.size) !== set.bytes || !modifiedAt(stat).equals(set.modified))
          return "changed";
        await unlink(pathOf(set.name));
      } catch (error) {
        return errnoOf(error) === "ENOENT" ? "vanished" : "refused";
      }
      // A side-car without its set says nothing about anybody; a failure to remove it is no failure of the purge.
      await unlink(`${pathOf(set.name)}.sha256`).catch(() => undefined);
      return "removed" satisfies Removal;
    },

    restore: (set) => Promise.resolve({ kind: "dump", file: pathOf(set.name) }),

    present: async (set) => {
      try {
        await lstat(pathOf(set.name));
        return true;
      } catch (error) {
        return errnoOf(error) !== "ENOENT";
      }
    },
  };
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

const examine = async (
  directory: string,
  name: string,
  known: KnownSet | undefined,
  timeZone: string,
): Promise<BackupSet | Oddity | "gone"> => {
  const path = join(directory, name);
  const odd = (code: Oddity["code"], stat?: BigIntStats): Oddity => ({
    name,
    code,
    modified: stat && modifiedAt(stat),
  });
  // A name that is not UTF-8 comes back with replacement characters, under which nothing can be opened.
  if (name.includes("\u{FFFD}")) return odd("BACKUP_FOREIGN");
  let listed: BigIntStats | undefined;
  try {
    listed = await lstat(path, { bigint: true });
    if (!listed.isFile()) return odd("BACKUP_FOREIGN", listed);
    if (/\.(?:partial|tmp)$/.test(name)) return odd("BACKUP_PARTIAL", listed);
    await using file = await openFile(path);
    const stat = await file.stat({ bigint: true });
    const bytes = Number(stat.size);
    const modified = modifiedAt(stat);
    const same =
      known !== undefined && known.rehash !== true && known.bytes === bytes && known.modified.equals(modified);
    const sha256 = same ? known.sha256 : await sha256Of(file);
    const after = await file.stat({ bigint: true });
    if (after.size !== stat.size || after.mtimeNs !== stat.mtimeNs) return odd("BACKUP_PARTIAL", after);
    // Bytes that were here before are as old as they were then, whatever touched them since.
    const written = known?.sha256 === sha256 ? heldSince({ taken: known.taken, modified }) : beganAt(stat);
    const taken = dateInName(name, timeZone) ?? written;
    return {
      name,
      sha256,
      bytes,
      modified,
      taken,
      sideCar: await readSideCar(path, sha256),
      needs: [],
      restores: taken,
    };
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? "gone" : odd("BACKUP_UNREADABLE", listed);
  }
};

/** Not through a link that took the file's place, and without waiting for a writer should it have become a pipe. */
const openFile = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

const sha256Of = async (file: FileHandle): Promise<string> => {
  const hash = createHash("sha256");
  await pipeline(file.createReadStream({ start: 0, autoClose: false }), hash);
  return hash.digest("hex");
};

const modifiedAt = (stat: BigIntStats): Temporal.Instant =>
  Temporal.Instant.fromEpochMilliseconds(Number(stat.mtimeMs));

/**
 * When a file without a date in its name was begun: a dump holds what existed then, not at its end. A creation time that
 * lies further back belongs to a file that is written over again and again; one that lies later, to a copy.
 */
const beganAt = (stat: BigIntStats): Temporal.Instant => {
  const ended = modifiedAt(stat);
  const began = Temporal.Instant.fromEpochMilliseconds(Number(stat.birthtimeMs));
  const plausible = stat.birthtimeMs <= stat.mtimeMs && ended.since(began).total("hours") <= 12;
  return plausible ? began : ended;
};

const errnoOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
