import { lstat, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Temporal } from "temporal-polyfill";
import { readLabel, type BackupLabel } from "#backups/directory/backup-label.ts";
import { readManifest, type ReadManifest } from "#backups/directory/manifest.ts";
import { modifiedAt, openFile, undeletedOf } from "#backups/directory/read-file.ts";
import { emptyTree, walk } from "#backups/directory/tree.ts";
import type { BackupSet, Removal } from "#backups/repository.ts";
import { faultPoint } from "#lib/fault.ts";

export const manifestName = "backup_manifest";

/** A base backup as pg_basebackup leaves it in a directory: files as a server has them, or archives of them. */
export type BaseBackup = {
  /** Absolute. */
  readonly path: string;
  readonly format: "plain" | "tar";
  readonly manifest: ReadManifest;
  /** Of the manifest, which is written last. */
  readonly modified: Temporal.Instant;
  /** Undefined: not there, or in an archive that cannot be read. */
  readonly label: BackupLabel | undefined;
  /** Of all files in it, those of the log included. */
  readonly bytes: number;
  /** How many of them a manifest has to name, of a plain one. */
  readonly files: number;
  /** What in it is neither a file nor a directory. */
  readonly links: readonly string[];
  /** Somebody started a server on it: what it holds now is that server's. */
  readonly inUse: boolean;
};

/**
 * Whether a path is compared with the manifest: not the manifest itself, the log, and what settings for a recovery are written into
 * (src/bin/pg_verifybackup/pg_verifybackup.c).
 */
export const isCompared = (path: string): boolean =>
  !/^(?:backup_manifest|pg_wal|postgresql\.auto\.conf|recovery\.signal|standby\.signal)(?:\/|$)/.test(path);

/** Begun and not finished: the manifest gets its name when everything else is on disk. */
const isBegun = (name: string): boolean =>
  /^(?:backup_manifest\.tmp|backup_label|PG_VERSION|base\.tar(?:\.\w+)?)$/.test(name);

/** What a directory holds; throws where that cannot be read. */
export const findBaseBackup = async (path: string): Promise<BaseBackup | "begun" | "empty" | "other"> => {
  const names = await readdir(path);
  if (!names.includes(manifestName)) return names.length === 0 ? "empty" : names.some(isBegun) ? "begun" : "other";
  const manifest = await readManifest(join(path, manifestName));
  const links: string[] = [];
  let [bytes, files] = [0, 0];
  await walk(path, (found) => {
    bytes += found.bytes;
    if (!found.isFile) links.push(found.path);
    else if (isCompared(found.path)) files += 1;
  });
  const format = names.includes("PG_VERSION") ? "plain" : "tar";
  await using file = await openFile(join(path, manifestName));
  return {
    path,
    format,
    manifest,
    modified: modifiedAt(await file.stat({ bigint: true })),
    label: await readLabel(path, format),
    bytes,
    files,
    links: links.toSorted(),
    inUse: isOfServer(names),
  };
};

/** Neither is ever sent; one stays when the server has stopped. */
export const isOfServer = (names: readonly string[]): boolean =>
  names.includes("postmaster.pid") || names.includes("postmaster.opts");

/** When the server began to send it. */
export const beganAt = ({ manifest, label }: BaseBackup): Temporal.Instant | undefined =>
  sentAt(manifest.content?.began, label);

/**
 * By the time of the label as a file, `sent`. pg_combinebackup writes a new manifest about files that are older: what the label says is kept, in a time
 * zone that is told by an abbreviation.
 */
export const sentAt = (
  sent: Temporal.Instant | undefined,
  label: BackupLabel | undefined,
): Temporal.Instant | undefined => {
  const said = label?.began;
  if (sent === undefined || said === undefined) return sent ?? said;
  return sent.since(said).total("hours") > 24 ? said : sent;
};

/** Deletes a base backup as it was inventoried; the manifest, by which the next run knows it, after all else. */
export const removeBaseBackup = async (path: string, set: BackupSet): Promise<Removal> => {
  try {
    // Not through a link that took its place.
    if (!(await lstat(path)).isDirectory()) return "changed";
    const found = await findBaseBackup(path);
    if (found === "empty") return "vanished";
    if (typeof found === "string" || found.manifest.sha256 !== set.sha256 || found.bytes !== set.bytes)
      return "changed";
    // What a link leads to would stay, and nobody would know of it any more.
    if (found.links.length > 0 || found.inUse) return "refused";
    await emptyTree(path, manifestName);
  } catch (error) {
    return undeletedOf(error);
  }
  faultPoint("before-backup-directory");
  // An empty directory says nothing about anybody.
  await rmdir(path).catch(() => undefined);
  return "removed";
};
