import { join } from "node:path";
import { isCompared, manifestName, type BaseBackup } from "#backups/directory/base-backup.ts";
import { checksumOf } from "#backups/directory/checksum.ts";
import { readManifest, type ManifestFile } from "#backups/directory/manifest.ts";
import { eachChunk, openFile, unreadOf } from "#backups/directory/read-file.ts";
import { archivesIn, membersOf, type Member } from "#backups/directory/tar.ts";
import type { BackupCode } from "#backups/repository.ts";

/**
 * Compares every file of a base backup with its manifest, by the rules of pg_verifybackup but for two: files without a checksum are vouched for by
 * nobody, and links are not followed. Undefined: all are there, none beside them, as they were made.
 */
export const compareFiles = async (base: BaseBackup): Promise<BackupCode | undefined> => {
  if (base.links.length > 0) return "BACKUP_ELSEWHERE";
  if (base.manifest.content === undefined) return "BACKUP_CHECKSUM";
  if (base.inUse || base.label === undefined) return "BACKUP_NOT_RESTORABLE";
  return (base.format === "plain" ? comparePlain(base) : compareTar(base)).catch(unreadOf);
};

/** How many files are read at once: most are small, and wait longer than they are read. */
const atOnce = 8;

/** In constant memory: files beside those of the manifest show by their number. */
const comparePlain = async ({ path, files, manifest }: BaseBackup): Promise<BackupCode | undefined> => {
  const running = new Set<Promise<void>>();
  let named = 0;
  let wrong: BackupCode | undefined;
  const compare = async (file: ManifestFile): Promise<void> => {
    const found = isInside(file.path) ? await compareFile(join(path, file.path), file) : "BACKUP_NOT_RESTORABLE";
    // Not in one step: another may have found something while this one was read.
    wrong ??= found;
  };
  const { sha256 } = await readManifest(join(path, manifestName), async (file) => {
    if (wrong !== undefined || !isCompared(file.path)) return;
    named += 1;
    const comparison = compare(file).finally(() => running.delete(comparison));
    running.add(comparison);
    if (running.size >= atOnce) await Promise.race(running);
  });
  await Promise.all(running);
  if (sha256 !== manifest.sha256) return "BACKUP_CHECKSUM";
  return wrong ?? (named === files ? undefined : "BACKUP_NOT_RESTORABLE");
};

const isInside = (path: string): boolean => !path.startsWith("/") && !path.split("/").includes("..");

const compareFile = async (path: string, { size, checksum }: ManifestFile): Promise<BackupCode | undefined> => {
  const sum = checksum && checksumOf(checksum.algorithm);
  if (sum === undefined) return "BACKUP_NOT_RESTORABLE";
  try {
    await using file = await openFile(path);
    if ((await eachChunk(file, size, sum.update)) !== size) return "BACKUP_NOT_RESTORABLE";
    return sum.digest() === checksum?.digest ? undefined : "BACKUP_CHECKSUM";
  } catch (error) {
    return unreadOf(error);
  }
};

/** With the names of all files in memory: archives have an order of their own. */
const compareTar = async ({ path, manifest }: BaseBackup): Promise<BackupCode | undefined> => {
  const files = new Map<string, ManifestFile>();
  const { sha256 } = await readManifest(join(path, manifestName), (file) => {
    if (isCompared(file.path)) files.set(file.path, file);
  });
  if (sha256 !== manifest.sha256) return "BACKUP_CHECKSUM";
  const { archives, others } = await archivesIn(path);
  if (others.some((name) => name !== manifestName)) return "BACKUP_NOT_RESTORABLE";
  for (const { name, what } of archives.filter((archive) => archive.what !== "pg_wal")) {
    const below = what === "base" ? "" : `pg_tblspc/${what}/`;
    for await (const member of membersOf(join(path, name))) {
      const place = `${below}${member.name}`;
      if (!isCompared(place)) continue;
      const file = files.get(place);
      if (!files.delete(place) || file === undefined) return "BACKUP_NOT_RESTORABLE";
      const wrong = await compareMember(member, file);
      if (wrong !== undefined) return wrong;
    }
  }
  return files.size === 0 ? undefined : "BACKUP_NOT_RESTORABLE";
};

const compareMember = async (member: Member, { size, checksum }: ManifestFile): Promise<BackupCode | undefined> => {
  const sum = checksum && checksumOf(checksum.algorithm);
  if (sum === undefined || member.size !== size) return "BACKUP_NOT_RESTORABLE";
  for await (const chunk of member.body) sum.update(chunk);
  return sum.digest() === checksum?.digest ? undefined : "BACKUP_CHECKSUM";
};
