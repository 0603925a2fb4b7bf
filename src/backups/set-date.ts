import { Temporal } from "temporal-polyfill";
import type { BackupSet } from "#backups/repository.ts";

type Dated = Pick<BackupSet, "taken" | "modified">;

const dayMs = 86_400_000;

/** Name and modification time may differ by this much: a dump takes hours, a copy comes a day later. */
const toleranceMs = 2 * dayMs;

const pattern =
  /(?<!\d)(?<year>\d{4})(?<dash>-?)(?<month>\d\d)\k<dash>(?<day>\d\d)(?:[T_-](?<hour>\d\d)[:-]?(?<minute>\d\d)(?:[:-]?(?<second>\d\d))?(?<utc>Z?))?(?!\d)/g;

/**
 * When a set was taken by its name: `YYYY-MM-DD` or `YYYYMMDD`, optionally `THHMM[SS]` or `-HHMMSS`, in `timeZone` unless a
 * `Z` follows; a day alone counts from its start. Of several dates the earliest: the set holds data since then.
 */
export const dateInName = (name: string, timeZone: string): Temporal.Instant | undefined =>
  earliest([...name.matchAll(pattern)].flatMap((match) => instantOf(match.groups ?? {}, timeZone) ?? []));

const instantOf = (groups: Record<string, string>, timeZone: string): Temporal.Instant | undefined => {
  const part = (key: string): number => Number(groups[key] ?? 0);
  const year = part("year");
  // Eight digits are often no date at all: a counter, a number of a ticket.
  if (year < 1995 || year > 2199) return undefined;
  try {
    return Temporal.PlainDateTime.from(
      {
        year,
        month: part("month"),
        day: part("day"),
        hour: part("hour"),
        minute: part("minute"),
        second: part("second"),
      },
      { overflow: "reject" },
    )
      .toZonedDateTime(groups["utc"] === "Z" ? "UTC" : timeZone)
      .toInstant();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

const earliest = (instants: readonly Temporal.Instant[]): Temporal.Instant | undefined =>
  instants.toSorted((a, b) => Temporal.Instant.compare(a, b))[0];

/** The name and the storage tell of different times: neither is believed. */
export const isDisputed = ({ taken, modified }: Dated): boolean =>
  Math.abs(taken.epochMilliseconds - modified.epochMilliseconds) > toleranceMs;

/** The earlier of the two dates: the set may hold whatever existed then. */
export const heldSince = ({ taken, modified }: Dated): Temporal.Instant =>
  Temporal.Instant.compare(taken, modified) <= 0 ? taken : modified;

/** The moment from which the set is to be purged; of a disputed set, not before both of its dates are old enough. */
export const dueAt = (set: Dated, keepDays: number): Temporal.Instant => {
  const { taken, modified } = set;
  const from = isDisputed(set) && Temporal.Instant.compare(modified, taken) > 0 ? modified : taken;
  return Temporal.Instant.fromEpochMilliseconds(from.epochMilliseconds + keepDays * dayMs);
};

/** ISO date, in the controller's time zone, from which data of `since` is held longer than the retention allows. */
export const breachDate = (since: Temporal.Instant, keepDays: number, timeZone: string): string =>
  since
    .add({ hours: 24 * keepDays })
    .toZonedDateTimeISO(timeZone)
    .toPlainDate()
    .toString();
