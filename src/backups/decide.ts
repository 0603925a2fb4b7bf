import { Temporal } from "temporal-polyfill";
import type { BackupCode, BackupSet, Inventory } from "#backups/repository.ts";
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
  Temporal.Instant.compare(dueAt(set, keepDays), now) < 0;

/** An exception about a set: it breaks the retention from the day on which the set should be gone. */
export const exceptionOf = (set: BackupSet, code: BackupCode, { keepDays, timeZone }: Retention): BackupException => ({
  name: set.name,
  code,
  breach: breachDate(heldSince(set), keepDays, timeZone),
});

/** Newest first, by the date that a restore can rely on. */
export const newestFirst = (sets: readonly BackupSet[]): BackupSet[] =>
  sets.toSorted((a, b) => Temporal.Instant.compare(heldSince(b), heldSince(a)) || (a.name < b.name ? 1 : -1));

/** Reads sets from the newest back until one is good: usually one. */
export const findNewestGood = async (
  sets: readonly BackupSet[],
  verify: (set: BackupSet) => Promise<BackupCode | undefined>,
): Promise<GoodSearch> => {
  const rejected: { set: BackupSet; code: BackupCode }[] = [];
  for (const set of newestFirst(sets)) {
    const code = await verify(set);
    if (code === undefined) return { good: set, rejected };
    rejected.push({ set, code });
  }
  return { good: undefined, rejected };
};

/**
 * What to purge (B6, B7, I11): everything that is due, if a good set that is not due stays; otherwise nothing, and an
 * exception says since when or from when that breaks the retention.
 */
export const decide = (inventory: Inventory, { good, rejected }: GoodSearch, retention: Retention): Decision => {
  const { keepDays, timeZone } = retention;
  const breachOf = (since: Temporal.Instant): string => breachDate(since, keepDays, timeZone);
  const { sets, oddities } = inventory;
  const oldest = newestFirst(sets).at(-1);
  if (oldest === undefined) {
    return {
      purge: [],
      exceptions: [{ name: "*", code: "BACKUP_NONE", breach: null }, ...oddities.map(oddity(breachOf))],
    };
  }
  const safe = good !== undefined && !isDue(good, retention);
  const known = new Set(rejected.map(({ set }) => set));
  const exceptions = [
    ...oddities.map(oddity(breachOf)),
    ...sets.filter(isDisputed).map((set) => exceptionOf(set, "BACKUP_DATE_DISPUTED", retention)),
    ...rejected.map(({ set, code }) => exceptionOf(set, code, retention)),
    ...sets
      .filter((set) => set.sideCar === "mismatch" && !known.has(set))
      .map((set) => exceptionOf(set, "BACKUP_CHECKSUM", retention)),
    ...(safe
      ? []
      : [{ name: (good ?? oldest).name, code: "BACKUP_LAST_GOOD" as const, breach: breachOf(heldSince(oldest)) }]),
  ];
  return { purge: safe ? sets.filter((set) => isDue(set, retention)) : [], exceptions };
};

const oddity =
  (breachOf: (since: Temporal.Instant) => string) =>
  ({ name, code, modified }: Inventory["oddities"][number]): BackupException => ({
    name,
    code,
    breach: modified === undefined ? null : breachOf(modified),
  });
