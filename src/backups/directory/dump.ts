import type { BigIntStats } from "node:fs";
import { lstat, unlink } from "node:fs/promises";
import { Temporal } from "temporal-polyfill";
import { modifiedAt, openFile, sha256Of, undeletedOf } from "#backups/directory/read-file.ts";
import type { BackupCode, BackupSet, KnownSet, Removal } from "#backups/repository.ts";
import { readDump } from "#backups/restorable.ts";
import { dateInName, heldSince } from "#backups/set-date.ts";
import { readSideCar } from "#backups/side-car.ts";

/** What a file will be called once it is whole; undefined of one that is not named as unfinished: by scripts, or by rsync (`.NAME.x7Qz2B`). */
export const finishedName = (name: string): string | undefined =>
  /^([^.].*)\.(?:partial|tmp)$/s.exec(name)?.[1] ?? /^\.([^.].*)\.[0-9A-Za-z]{6}$/s.exec(name)?.[1];

/** A file as a set: unfinished where its name says so, or it changes while it is read. Throws where it cannot be. */
export const readDumpSet = async (
  { name, path, timeZone }: { readonly name: string; readonly path: string; readonly timeZone: string },
  known: KnownSet | undefined,
): Promise<BackupSet> => {
  await using file = await openFile(path);
  const stat = await file.stat({ bigint: true });
  const bytes = Number(stat.size);
  const modified = modifiedAt(stat);
  const same = known !== undefined && !known.rehash && known.bytes === bytes && known.modified.equals(modified);
  const { whole: sha256, part } = same
    ? { whole: known.sha256, part: known.sha256 }
    : await sha256Of(file, bytes, known?.bytes);
  const after = await file.stat({ bigint: true });
  const isChanging = after.size !== stat.size || after.mtimeNs !== stat.mtimeNs;
  // Bytes that were here before are as old as they were then, whatever touched them since, or wrote on behind them.
  const isKept = known !== undefined && known.bytes > 0 && known.sha256 === part;
  const written = isKept ? heldSince({ taken: known.taken, modified }) : beganAt(stat);
  const taken = dateInName(name, timeZone) ?? written;
  const set = { name, sha256, bytes, modified, taken, needs: [], restores: taken };
  if (isChanging || finishedName(name) !== undefined) return { ...set, sideCar: "none", unfinished: true };
  return { ...set, sideCar: await readSideCar(path, sha256) };
};

/** Reads a dump to its end; undefined where it can be restored from. */
export const verifyDump = async (path: string, set: BackupSet): Promise<BackupCode | undefined> => {
  if (set.bytes === 0) return "BACKUP_NOT_RESTORABLE";
  if (set.sideCar === "mismatch") return "BACKUP_CHECKSUM";
  try {
    await using file = await openFile(path);
    const verdict = await readDump(file.createReadStream({ start: 0, autoClose: false }));
    if (verdict.content === "broken") return "BACKUP_NOT_RESTORABLE";
    if (verdict.sha256 !== set.sha256) return "BACKUP_CHECKSUM";
    return verdict.content === "unknown" && set.sideCar === "none" ? "BACKUP_NOT_RESTORABLE" : undefined;
  } catch {
    return "BACKUP_UNREADABLE";
  }
};

/** Deletes a dump as it was inventoried, and its side-car. */
export const removeDump = async (path: string, set: BackupSet): Promise<Removal> => {
  try {
    const stat = await lstat(path, { bigint: true });
    if (!stat.isFile() || Number(stat.size) !== set.bytes || !modifiedAt(stat).equals(set.modified)) return "changed";
    await unlink(path);
  } catch (error) {
    return undeletedOf(error);
  }
  // A side-car without its set says nothing about anybody; a failure to remove it is no failure of the purge.
  await unlink(`${path}.sha256`).catch(() => undefined);
  return "removed";
};

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
