import { lstat, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { labelName, readLabel, type BackupLabel } from "#backups/directory/backup-label.ts";
import { isOfServer, manifestName, sentAt } from "#backups/directory/base-backup.ts";
import { modifiedAt, undeletedOf } from "#backups/directory/read-file.ts";
import { emptyTree, walk } from "#backups/directory/tree.ts";
import type { BackupSet, Removal } from "#backups/repository.ts";
import { dateInName } from "#backups/set-date.ts";
import { faultPoint } from "#lib/fault.ts";

/** A base backup that is being made, or that nobody finished: all but the manifest may be there. */
export type BegunBackup = {
  readonly path: string;
  /** What a server sends first: by it a base backup is told from a data directory, and from all others. */
  readonly label: BackupLabel;
  /** The name of the file that the label is, or is in. */
  readonly first: string;
  readonly began: Temporal.Instant;
  /** Of the file that was written last. */
  readonly modified: Temporal.Instant;
  readonly bytes: number;
  /** What in it is neither a file nor a directory. */
  readonly links: readonly string[];
};

const isArchive = (name: string): boolean =>
  /^(?:(?:base|pg_wal|[1-9]\d*)\.tar(?:\.\w+)?|backup_manifest\.tmp)$/.test(name);

/** Somebody is about to start a server on it, or has. */
const isPrepared = (names: readonly string[]): boolean =>
  isOfServer(names) || names.includes("recovery.signal") || names.includes("standby.signal");

/** What a directory without a manifest holds that looks like one; only a label where it is not certain. Throws where it cannot be read. */
export const findBegun = async (path: string): Promise<BegunBackup | { readonly label: BackupLabel | undefined }> => {
  const names = await readdir(path);
  const plain = await readLabel(path, "plain");
  const label = plain ?? (await readLabel(path, "tar"));
  const first = plain === undefined ? names.find((name) => name.startsWith("base.tar")) : labelName;
  const isCertain = plain === undefined ? names.every(isArchive) : !isPrepared(names) && !names.includes(manifestName);
  if (label === undefined || first === undefined || !isCertain) return { label };
  const sent = modifiedAt(await lstat(join(path, first), { bigint: true }));
  const links: string[] = [];
  let [bytes, modified] = [0, sent];
  await walk(path, (found) => {
    bytes += found.bytes;
    if (!found.isFile) links.push(found.path);
    if (Temporal.Instant.compare(found.modified, modified) > 0) ({ modified } = found);
  });
  // An archive is written to until its end.
  const began = sentAt(plain === undefined ? undefined : sent, label) ?? sent;
  return { path, label, first, began, modified, bytes, links: links.toSorted() };
};

/** As a set; its digest is that of its label, which neither changes while it grows, nor while it is deleted. */
export const begunSet = (name: string, begun: BegunBackup, timeZone: string): BackupSet => {
  const { label, began, modified, bytes } = begun;
  const taken = dateInName(name, timeZone) ?? began;
  return {
    name,
    sha256: label.sha256,
    bytes,
    taken,
    modified,
    sideCar: "none",
    needs: [],
    restores: taken,
    unfinished: true,
  };
};

/** Deletes one as it was inventoried, unless somebody has gone on with it; what holds the label, by which the next run knows it, after all else. */
export const removeBegun = async (path: string, set: BackupSet): Promise<Removal> => {
  try {
    if (!(await lstat(path)).isDirectory()) return "changed";
    if ((await readdir(path)).length === 0) return "vanished";
    const found = await findBegun(path);
    const isSame = "path" in found && found.label.sha256 === set.sha256 && found.bytes === set.bytes;
    if (!isSame || !found.modified.equals(set.modified)) return "changed";
    if (found.links.length > 0) return "refused";
    await emptyTree(path, found.first);
  } catch (error) {
    return undeletedOf(error);
  }
  faultPoint("before-backup-directory");
  await rmdir(path).catch(() => undefined);
  return "removed";
};
