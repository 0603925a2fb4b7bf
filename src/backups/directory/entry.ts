import { lstat } from "node:fs/promises";
import type { Temporal } from "temporal-polyfill";
import type { BackupLabel } from "#backups/directory/backup-label.ts";
import { beganAt, findBaseBackup, type BaseBackup } from "#backups/directory/base-backup.ts";
import { findBegun, type BegunBackup } from "#backups/directory/begun-backup.ts";
import { readDumpSet } from "#backups/directory/dump.ts";
import { modifiedAt } from "#backups/directory/read-file.ts";
import type { BackupCode, BackupSet, KnownSet, Oddity } from "#backups/repository.ts";
import { errnoOf } from "#lib/errno.ts";

/** What stands under a name in the directory. */
export type Entry =
  | { readonly kind: "dump"; readonly set: BackupSet }
  | { readonly kind: "base"; readonly base: BaseBackup }
  /** A base backup that is being made, or was never finished. */
  | { readonly kind: "begun"; readonly begun: BegunBackup }
  /** The same as far as can be told: it may be the data directory of a server as well. */
  | { readonly kind: "unclear"; readonly modified: Temporal.Instant; readonly label: BackupLabel | undefined }
  | { readonly kind: "odd"; readonly code: BackupCode; readonly modified: Temporal.Instant | undefined }
  /** All that is left of a set: an empty directory. */
  | { readonly kind: "emptied" }
  | { readonly kind: "gone" };

type Place = { readonly name: string; readonly path: string; readonly timeZone: string };

export const examine = async (place: Place, known: KnownSet | undefined): Promise<Entry> => {
  const { name, path } = place;
  // A name that is not UTF-8 comes back with replacement characters, under which nothing can be opened.
  if (name.includes("\u{FFFD}")) return { kind: "odd", code: "BACKUP_FOREIGN", modified: undefined };
  let modified: Temporal.Instant | undefined;
  try {
    const stat = await lstat(path, { bigint: true });
    modified = modifiedAt(stat);
    if (stat.isDirectory()) return await examineDirectory(path, modified, known !== undefined);
    if (!stat.isFile()) return { kind: "odd", code: "BACKUP_FOREIGN", modified };
    return { kind: "dump", set: await readDumpSet(place, known) };
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? { kind: "gone" } : { kind: "odd", code: "BACKUP_UNREADABLE", modified };
  }
};

const examineDirectory = async (path: string, modified: Temporal.Instant, isKnown: boolean): Promise<Entry> => {
  // That something in it is not there does not mean that all of it is gone.
  const found = await findBaseBackup(path).catch(() => "unreadable" as const);
  if (found === "unreadable") return { kind: "odd", code: "BACKUP_UNREADABLE", modified };
  if (found === "begun") {
    const begun = await findBegun(path).catch(() => "unreadable" as const);
    if (begun === "unreadable") return { kind: "odd", code: "BACKUP_UNREADABLE", modified };
    return "path" in begun ? { kind: "begun", begun } : { kind: "unclear", modified, label: begun.label };
  }
  if (found === "empty" && isKnown) return { kind: "emptied" };
  if (found === "empty" || found === "other") return { kind: "odd", code: "BACKUP_FOREIGN", modified };
  return { kind: "base", base: found };
};

/** What an inventory says of an entry that is no set, or not all of one. */
export const odditiesOf = ([name, entry]: readonly [string, Entry]): readonly Oddity[] => {
  switch (entry.kind) {
    case "odd":
      return [{ name, code: entry.code, modified: entry.modified }];
    case "unclear":
      return [{ name, code: "BACKUP_PARTIAL", modified: entry.modified }];
    case "begun":
      return elsewhere(name, entry.begun.links, entry.begun.began);
    case "base":
      return elsewhere(name, entry.base.links, beganAt(entry.base) ?? entry.base.modified);
    case "dump":
    case "emptied":
    case "gone":
      return [];
  }
};

const elsewhere = (name: string, links: readonly string[], modified: Temporal.Instant): readonly Oddity[] =>
  links.map((link) => ({ name: `${name}/${link}`, code: "BACKUP_ELSEWHERE", modified }));
