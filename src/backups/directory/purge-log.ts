import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import type { BackupLabel } from "#backups/directory/backup-label.ts";
import { manifestName, type BaseBackup } from "#backups/directory/base-backup.ts";
import type { BegunBackup } from "#backups/directory/begun-backup.ts";
import { isPastUse, listLog, removeSegments, type ArchivedSegment, type Use } from "#backups/directory/log-archive.ts";
import { positionOf } from "#backups/wal-segments.ts";
import { errnoOf } from "#lib/errno.ts";

type Log = {
  readonly path: string;
  readonly repository: string;
  readonly keepDays: number;
  /** All base backups that there were before the removals, those that were begun included. */
  readonly bases: readonly (BaseBackup | BegunBackup)[];
  /** What those say of where they begin that cannot be read, or may be something else. */
  readonly others: readonly (BackupLabel | undefined)[];
  readonly now: Temporal.Instant;
};

/** Deletes of an archive what no base backup can use that stays, or is being made. Whether all of that is gone. */
export const purgeLog = async ({ path, repository, keepDays, bases, others, now }: Log): Promise<boolean | "full"> => {
  const labels = [...others];
  for (const base of bases) if (await stays(base)) labels.push(base.label);
  const use = useOf(labels, now.subtract({ hours: 24 * keepDays }));
  if (use === undefined) return true;
  const log = await listLog(path, repository).catch(() => undefined);
  if (log === undefined) return false;
  const isPast = (segment: ArchivedSegment): boolean => isPastUse(segment, use) && !isUnderWay(segment, now);
  return removeSegments(path, log.segments.filter(isPast));
};

/** Undefined where a base backup does not tell from where on it needs the log: then it may be all. */
const useOf = (labels: Log["others"], since: Temporal.Instant): Use | undefined => {
  let from: string | undefined;
  for (const label of labels) {
    if (label === undefined) return undefined;
    if (from === undefined || positionOf(label.segment) < positionOf(from)) from = label.segment;
  }
  return from === undefined ? { since } : { from };
};

/** Somebody may be about to rename it, who archives long after it was written. */
const isUnderWay = ({ isUnfinished, modified }: ArchivedSegment, now: Temporal.Instant): boolean =>
  isUnfinished && Temporal.Instant.compare(modified.add({ hours: 24 }), now) > 0;

const stays = async (base: BaseBackup | BegunBackup): Promise<boolean> => {
  try {
    await lstat(join(base.path, "first" in base ? base.first : manifestName));
    return true;
  } catch (error) {
    return errnoOf(error) !== "ENOENT";
  }
};
