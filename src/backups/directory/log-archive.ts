import { lstat, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { modifiedAt, undeletedOf } from "#backups/directory/read-file.ts";
import type { LogArchive, Oddity } from "#backups/repository.ts";
import { lastInLine, positionOf } from "#backups/wal-segments.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { errnoOf } from "#lib/errno.ts";

/** A segment of the write-ahead log as `archive_command` put it there. */
export type ArchivedSegment = {
  readonly file: string;
  readonly position: string;
  readonly modified: Temporal.Instant;
  /** Under the name that scripts copy to before they rename: nothing recovers with it. */
  readonly isUnfinished: boolean;
};

export type ListedLog = { readonly segments: readonly ArchivedSegment[]; readonly oddities: readonly Oddity[] };

/** What it is called in an inventory. */
export const logName = "wal";

const packed = String.raw`(?:\.(?:gz|bz2|lz4|xz|zst))?`;
/** Whole, or what there was of it when a standby took over; as pg_archivecleanup knows them. */
const segmentFile = new RegExp(`^([0-9A-F]{24})(?:\\.partial)?${packed}(\\.tmp)?$`);
/** Where timelines and base backups begin: nothing of what was written. */
const historyFile = new RegExp(`^(?:[0-9A-F]{8}\\.history|[0-9A-F]{24}\\.[0-9A-F]{8}\\.backup)${packed}$`);

/** Throws LetheError `BACKUPS_UNREADABLE`, also where the directory is the log of a server itself. */
export const listLog = async (path: string, repository: string): Promise<ListedLog> => {
  const segments: ArchivedSegment[] = [];
  const oddities: Oddity[] = [];
  const names = await readdir(path).catch((cause: unknown) => {
    throw unreadable(repository, `the directory of the write-ahead log cannot be read (${errnoOf(cause)})`, cause);
  });
  // A server that runs does without none of its segments.
  if (names.includes("archive_status")) throw unreadable(repository, "this is the log of a server, no archive of it");
  for (const file of names.toSorted()) {
    if (file.startsWith(".") || historyFile.test(file)) continue;
    const stat = await lstat(join(path, file), { bigint: true }).catch(() => undefined);
    if (stat === undefined) continue;
    const modified = modifiedAt(stat);
    const [, segment, unfinished] = segmentFile.exec(file) ?? [];
    if (segment !== undefined && stat.isFile())
      segments.push({ file, position: positionOf(segment), modified, isUnfinished: unfinished !== undefined });
    else oddities.push({ name: `${logName}/${file}`, code: "BACKUP_FOREIGN", modified });
  }
  return { segments, oddities };
};

const unreadable = (repository: string, what: string, cause?: unknown): LetheError =>
  new LetheError("BACKUPS_UNREADABLE", `backups ${repository}: ${what}`, {
    hint: "name in backups.wal the directory that archive_command copies to, and let Lethe read it",
    cause,
  });

/** What can use a log: base backups of which the first begins in the segment `from`; or nothing, so that it is kept only as long as anything. */
export type Use = { readonly from: string } | { readonly since: Temporal.Instant };

/** Base backups are compared with segments whatever their timelines, as pg_archivecleanup does. */
export const isPastUse = ({ position, modified }: ArchivedSegment, use: Use): boolean =>
  "from" in use ? position < positionOf(use.from) : Temporal.Instant.compare(modified, use.since) < 0;

/** Oldest first. False, or `full`: not all could be deleted. */
export const removeSegments = async (path: string, segments: readonly ArchivedSegment[]): Promise<boolean | "full"> => {
  let isDone: boolean | "full" = true;
  for (const { file } of segments.toSorted((a, b) => (a.position < b.position ? -1 : 1))) {
    try {
      await unlink(join(path, file));
    } catch (error) {
      const why = undeletedOf(error);
      if (why !== "vanished") isDone = why === "full" ? why : false;
    }
    faultPoint("after-log-file");
  }
  return isDone;
};

/**
 * From when it goes to when one can recover to with it: as far as it leads on from the segment in which the newest base backup begins; without one,
 * nowhere.
 */
export const archiveOf = ({ segments }: ListedLog, newest: string | undefined): readonly LogArchive[] => {
  const [first, ...others] = segments;
  if (first === undefined) return [];
  const since = others.reduce(
    (low, { modified }) => (Temporal.Instant.compare(modified, low) < 0 ? modified : low),
    first.modified,
  );
  const whole = segments.filter(({ isUnfinished }) => !isUnfinished);
  const times = new Map(whole.map(({ position, modified }) => [position, modified]));
  const last = newest === undefined ? undefined : lastInLine(new Set(times.keys()), positionOf(newest));
  return [{ name: logName, since, until: (last === undefined ? undefined : times.get(last)) ?? since }];
};
