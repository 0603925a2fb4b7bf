import path from "node:path";
import type { Written } from "#config-schema.ts";
import { pgBackRestFile } from "#config.ts";
import type { Mistake, Places } from "#lib/mistakes.ts";

/** Every file in a directory of backups is a set, and sets are purged. */
export const exportMistakes = (written: Written, places: Places, directory: string): Mistake[] => {
  if (written.export === undefined) return [];
  const exported = path.resolve(directory, written.export.directory);
  return Object.entries(written.backups)
    .filter(
      ([, backup]) =>
        backup.kind === "directory" && !path.relative(path.resolve(directory, backup.path), exported).startsWith(".."),
    )
    .map(([name]) => ({
      place: places.valuePlaceOf(["export", "directory"]),
      what: `export.directory: this is in the directory of backups.${name}, whose files are purged`,
      hint: "name a directory of its own",
    }));
};

/** Of an archive of the log is deleted what the base backups beside it do not need. */
export const logMistakes = (written: Written, places: Places, directory: string): Mistake[] => {
  const taken = new Set<string>();
  return Object.entries(written.backups).flatMap(([name, backup]) => {
    if (backup.kind !== "directory" || backup.wal === undefined) return [];
    const wal = path.resolve(directory, backup.wal);
    const isShared = taken.has(wal);
    taken.add(wal);
    if (!isShared && path.relative(wal, path.resolve(directory, backup.path)).startsWith("..")) return [];
    return {
      place: places.valuePlaceOf(["backups", name, "wal"]),
      what: `backups.${name}.wal: ${isShared ? "another repository has this archive" : "its backups are in this directory"}`,
      hint: "name the directory that archive_command copies to, of one server and in one repository",
    };
  });
};

/** Of two repositories of the same backups one would purge what the other keeps: for longer, for a legal hold, or as its last good one. */
export const sharedMistakes = (written: Written, places: Places, directory: string): Mistake[] => {
  const before: (readonly [string, WrittenBackup])[] = [];
  return Object.entries(written.backups).flatMap(([name, backup]) => {
    const other = before.find(([, each]) => holdSame(each, backup, (given) => path.resolve(directory, given)));
    before.push([name, backup]);
    if (other === undefined) return [];
    const [its, { store, keep_days: days }] = other;
    const place = places.placeOf(["backups", name]);
    // Backups of a whole server are those of every store on it: such a place is named once for each.
    if (backup.kind === "s3" || store === backup.store)
      return {
        place,
        what: `backups.${name}: backups.${its} has the same backups`,
        hint: `give each its own: ${apart[backup.kind]}`,
      };
    if (days === backup.keep_days) return [];
    return {
      place,
      what: `backups.${name}: backups.${its} keeps the same backups for another time`,
      hint: "give both the same `keep_days`",
    };
  });
};

type WrittenBackup = Written["backups"][string];

const apart: Readonly<Record<WrittenBackup["kind"], string>> = {
  directory: "another `path`",
  s3: "a folder with `prefix`, none of which lies in another",
  pgbackrest: "another `stanza` or `repo`",
  restic: "another `repository`, or a `tag` that only its snapshots have",
};

const holdSame = (a: WrittenBackup, b: WrittenBackup, absolute: (path: string) => string): boolean => {
  if (a.kind === "s3" && b.kind === "s3")
    return bucketFolder(a).startsWith(bucketFolder(b)) || bucketFolder(b).startsWith(bucketFolder(a));
  if (a.kind === "directory" && b.kind === "directory") return absolute(a.path) === absolute(b.path);
  if (a.kind === "pgbackrest" && b.kind === "pgbackrest")
    return (
      a.stanza === b.stanza &&
      a.repo === b.repo &&
      absolute(a.config ?? pgBackRestFile) === absolute(b.config ?? pgBackRestFile)
    );
  if (a.kind === "restic" && b.kind === "restic")
    return (
      absolute(a.repository) === absolute(b.repository) &&
      (a.tag === undefined || b.tag === undefined || a.tag === b.tag)
    );
  return false;
};

const bucketFolder = ({ endpoint, bucket, prefix }: WrittenBackup & { readonly kind: "s3" }): string =>
  `${endpoint === undefined ? "" : new URL(endpoint).host}/${bucket}/${folderOf(prefix)}`;

/** Else `shop` would mean what lies in `shop2` as well, and purge it. */
export const folderOf = (prefix: string): string => (prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`);
