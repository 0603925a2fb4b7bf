import { Temporal } from "temporal-polyfill";
import { withDependents, withNeeds } from "#backups/chains.ts";
import type { BackupCode, BackupSet, Inventory, LogArchive } from "#backups/repository.ts";
import { breachDate, dueAt, heldSince, isDisputed } from "#backups/set-date.ts";

/** `breach`: the date from which the exception means that data is held longer than the retention allows; null when it cannot. */
export type BackupException = { readonly name: string; readonly code: BackupCode; readonly breach: string | null };

export type Retention = { readonly keepDays: number; readonly timeZone: string; readonly now: Temporal.Instant };

export type Decision = { readonly purge: readonly BackupSet[]; readonly exceptions: readonly BackupException[] };

/** What the search for the newest good set found: those newer than it are not good, for the reasons given. */
export type GoodSearch = {
  readonly good: BackupSet | undefined;
  readonly rejected: readonly { readonly set: BackupSet; readonly code: BackupCode }[];
};

export const isDue = (set: BackupSet, { keepDays, now }: Retention): boolean =>
  Temporal.Instant.compare(dueAt(set, keepDays), now) < 0 && !isUnderWay(set, now);

/** Written to in the last day: whatever its name says, and however short the retention is, somebody is at work on it. */
const isUnderWay = ({ unfinished, modified }: BackupSet, now: Temporal.Instant): boolean =>
  unfinished === true && Temporal.Instant.compare(modified.add({ hours: 24 }), now) > 0;

/** An exception about a set: it breaks the retention from the day on which the set should be gone. */
export const exceptionOf = (
  set: Pick<BackupSet, "name" | "taken" | "modified">,
  code: BackupCode,
  { keepDays, timeZone }: Retention,
): BackupException => ({
  name: set.name,
  code,
  breach: breachDate(heldSince(set), keepDays, timeZone),
});

/** What a legal hold needs breaks no retention: Art. 17(3)(e) GDPR. */
export const heldBack = ({ name }: BackupSet): BackupException => ({ name, code: "BACKUP_HELD", breach: null });

/** Newest first, by the date that a restore can rely on. */
export const newestFirst = (sets: readonly BackupSet[]): BackupSet[] =>
  sets.toSorted((a, b) => Temporal.Instant.compare(heldSince(b), heldSince(a)) || (a.name < b.name ? 1 : -1));

export const isWhole = ({ unfinished }: BackupSet): boolean => unfinished !== true;

/** Reads sets from the newest back until one is good: usually one. */
export const findNewestGood = async (
  sets: readonly BackupSet[],
  verify: (set: BackupSet) => Promise<BackupCode | undefined>,
): Promise<GoodSearch> => {
  const rejected: { set: BackupSet; code: BackupCode }[] = [];
  for (const set of newestFirst(sets.filter(isWhole))) {
    const code = await verify(set);
    if (code === undefined) return { good: set, rejected };
    rejected.push({ set, code });
  }
  return { good: undefined, rejected };
};

/**
 * What to purge (B6, B7, I11): everything that is due, with what cannot be restored from without it, but for the newest good set and what that needs, if
 * the newest full one is good: what broke it may have broken the others by the next night. Otherwise nothing. An exception says since when or from when
 * what stays breaks the retention. What a set builds on is as old as it is, whatever the set itself is: kept for it, people would live on in it for longer than they were
 * promised. `kept`, by their names, are those that a legal hold keeps, with what they need.
 */
export const decide = (
  inventory: Inventory,
  { good, rejected }: GoodSearch,
  retention: Retention,
  kept: ReadonlySet<string>,
): Decision => {
  const { keepDays, timeZone } = retention;
  const breachOf = (since: Temporal.Instant): string => breachDate(since, keepDays, timeZone);
  const { sets, oddities } = inventory;
  const ordered = newestFirst(sets);
  const oldest = ordered.at(-1);
  if (oldest === undefined) {
    return {
      purge: [],
      exceptions: [{ name: "*", code: "BACKUP_NONE", breach: null }, ...oddities.map(oddity(breachOf))],
    };
  }
  const due = sets.filter((set) => isDue(set, retention) && !kept.has(set.name));
  const last = good === undefined ? new Set<BackupSet>() : withNeeds(sets, good);
  const going = withDependents(
    sets,
    due.filter((set) => !last.has(set)),
  );
  const newestFull = ordered.find((set) => isWhole(set) && set.needs.length === 0);
  const broken = rejected.some(({ set }) => set === newestFull);
  const safe = good !== undefined && !broken;
  const known = new Set(rejected.map(({ set }) => set));
  const told = (set: BackupSet, code: BackupCode): BackupException =>
    kept.has(set.name) ? { name: set.name, code, breach: null } : exceptionOf(set, code, retention);
  // Of those that no legal hold keeps anyway: all of them, or what stays because it is the last.
  const stays = ordered.filter((set) => !kept.has(set.name) && (!safe || (last.has(set) && due.includes(set))));
  const since = stays.at(-1);
  const exceptions = [
    ...oddities.map(oddity(breachOf)),
    ...sets.filter(isDisputed).map((set) => told(set, "BACKUP_DATE_DISPUTED")),
    ...rejected.map(({ set, code }) => told(set, code)),
    ...sets.filter((set) => set.sideCar === "mismatch" && !known.has(set)).map((set) => told(set, "BACKUP_CHECKSUM")),
    ...(safe && since === undefined
      ? []
      : [
          {
            name: (good ?? oldest).name,
            code: "BACKUP_LAST_GOOD" as const,
            breach: since === undefined ? null : breachOf(heldSince(since)),
          },
        ]),
  ];
  return { purge: safe ? [...going] : [], exceptions };
};

/**
 * What is still there of a log that is older than the retention, once everything is done about it. Without the log of its time a backup is not
 * consistent: what one that is `held` needs of it is held as well.
 */
export const keptLogs = (
  logs: readonly LogArchive[],
  { keepDays, timeZone, now }: Retention,
  held: readonly BackupSet[] = [],
): readonly BackupException[] => {
  const ofHeld = newestFirst(held).at(-1);
  return logs
    .filter(({ since }) => Temporal.Instant.compare(since.add({ hours: 24 * keepDays }), now) < 0)
    .map(({ name, since }) =>
      ofHeld !== undefined && Temporal.Instant.compare(since, heldSince(ofHeld)) >= 0
        ? { name, code: "BACKUP_HELD", breach: null }
        : { name, code: "BACKUP_LOG_KEPT", breach: breachDate(since, keepDays, timeZone) },
    );
};

const oddity =
  (breachOf: (since: Temporal.Instant) => string) =>
  ({ name, code, modified }: Inventory["oddities"][number]): BackupException => ({
    name,
    code,
    breach: modified === undefined ? null : breachOf(modified),
  });
