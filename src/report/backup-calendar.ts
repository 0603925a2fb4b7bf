import { Temporal } from "temporal-polyfill";
import { dayIn } from "#lib/clock.ts";
import type { BackupSetItem, RepositoryItem } from "#report/report-document.ts";
import type { ReportSource } from "#report/report-source.ts";

/** Thirty days, the day on which the thirtieth ends, and two weeks before them, in which nothing may be left. */
export const calendarDays = 45;

/** The latter hides the former where a day has several: what is wrong first, then what is still there. */
export const marks = ["purged", "present", "verified", "vanished", "exception"] as const;
export type Mark = (typeof marks)[number];

/** The backups of one repository by the day on which they were taken; null: none was. */
export type Lane = {
  readonly repository: string;
  readonly store: string | null;
  readonly keepDays: number | null;
  /** Index of the first day from which a backup may still be there; null where that day is not known, or lies before the first. */
  readonly kept: number | null;
  readonly days: readonly (Mark | null)[];
  /** Sets before the first of the days. */
  readonly earlier: Counts;
  readonly all: Counts;
  readonly log: RepositoryItem["log"];
  readonly verified: RepositoryItem["verified"];
  readonly drill: RepositoryItem["drill"];
  readonly exceptions: RepositoryItem["exceptions"];
};

/** How many sets are in which state. `exception`: with how many of those that are still there something is wrong; they are among the others. */
export type Counts = Readonly<Record<Mark, number>>;

export type BackupCalendar = { readonly days: readonly string[]; readonly lanes: readonly Lane[] };

/** Folds the sets of all repositories, however many, into days. */
export const backupCalendar = async ({ head, rows }: ReportSource): Promise<BackupCalendar> => {
  const { timeZone } = head.controller;
  const first = Temporal.PlainDate.from(head.today).subtract({ days: calendarDays - 1 });
  const lanes = new Map(head.backups.map((item) => [item.repository, openLane(item)]));
  for await (const set of rows.backupSets()) {
    const lane = lanes.get(set.repository);
    if (lane === undefined) continue;
    const state = stateOf(set);
    const mark = isWrong(set, lane.wrong) ? "exception" : state;
    const day = first.until(dayIn(Temporal.Instant.from(set.taken), timeZone)).days;
    for (const counts of day < 0 ? [lane.all, lane.earlier] : [lane.all]) {
      counts[state] += 1;
      if (mark !== state) counts[mark] += 1;
    }
    if (day < 0) continue;
    // A clock that is ahead dates a backup tomorrow: it stands under today.
    lane.days[Math.min(day, calendarDays - 1)] = graver(lane.days[Math.min(day, calendarDays - 1)] ?? null, mark);
  }
  const days = Array.from({ length: calendarDays }, (_, index) => first.add({ days: index }).toString());
  return { days, lanes: [...lanes.values()].map(({ item, wrong: _, ...lane }) => ({ ...lane, ...factsOf(item) })) };
};

const none = (): Record<Mark, number> => ({ purged: 0, present: 0, verified: 0, vanished: 0, exception: 0 });

const openLane = (item: RepositoryItem) => ({
  item,
  wrong: new Set(item.exceptions.flatMap(({ name, code }) => (code === "BACKUP_VANISHED" ? [] : [name]))),
  days: Array.from({ length: calendarDays }, (): Mark | null => null),
  earlier: none(),
  all: none(),
});

const factsOf = ({ repository, store, keepDays, log, verified, drill, exceptions }: RepositoryItem) => ({
  repository,
  store,
  keepDays,
  kept: keepDays === null || keepDays >= calendarDays ? null : calendarDays - 1 - keepDays,
  log,
  verified,
  drill,
  exceptions,
});

const stateOf = ({ state, verifiedAt }: BackupSetItem): Exclude<Mark, "exception"> => {
  if (state === "purged" || state === "vanished") return state;
  return verifiedAt === null ? "present" : "verified";
};

/**
 * Exceptions name a set, and only of those that are still there each has a name of its own: what is gone may have had the name of another. Nor is
 * one that has come since in place of one that vanished at fault.
 */
const isWrong = ({ name, state }: BackupSetItem, wrong: ReadonlySet<string>): boolean =>
  (state === "listed" || state === "condemned") && wrong.has(name);

const graver = (one: Mark | null, other: Mark): Mark =>
  one === null || marks.indexOf(other) > marks.indexOf(one) ? other : one;
