import { createTask, parse } from "node-cron";
import type { Temporal } from "temporal-polyfill";
import { toDate } from "#lib/clock.ts";

// Rarer than once in four years (29 February) nothing is scheduled.
const farthestDays = 4 * 366 + 1;

/**
 * The latest moment, not after `now`, at which a cron expression was due; undefined when there was none in four years. A
 * time of day that the change to summer time leaves out is due when the gap ends (node-cron would leave that night out),
 * and one that occurs twice is due the first time.
 */
export const lastDue = (expression: string, timeZone: string, now: Temporal.Instant): Temporal.Instant | undefined => {
  const fields = parse(expression);
  const onDay = dayMatcher(fields, timeZone);
  const today = now.toZonedDateTimeISO(timeZone).toPlainDate();
  for (let back = 0; back < farthestDays; back += 1) {
    const day = today.subtract({ days: back });
    if (!onDay(day)) continue;
    for (const time of timesOf(fields)) {
      const due = day.toZonedDateTime({ timeZone, plainTime: time }).toInstant();
      if (due.epochMilliseconds <= now.epochMilliseconds) return due;
    }
  }
  return undefined;
};

type Fields = ReturnType<typeof parse>;

// node-cron decides about days (last day, nth weekday), asked at noon, which no clock change touches.
const dayMatcher = (fields: Fields, timeZone: string): ((day: Temporal.PlainDate) => boolean) => {
  const days = [fields.dayOfMonth, fields.month, fields.dayOfWeek].map((field) => field.join(",")).join(" ");
  const task = createTask(`0 12 ${days}`, () => undefined, { timezone: timeZone });
  void task.destroy();
  return (day) => task.match(toDate(day.toZonedDateTime({ timeZone, plainTime: "12:00" }).toInstant()));
};

/** Times of the day, latest first. */
function* timesOf(fields: Fields): Generator<string> {
  const latestFirst = (values: readonly number[]): number[] => values.toSorted((a, b) => b - a);
  for (const hour of latestFirst(fields.hour)) {
    for (const minute of latestFirst(fields.minute)) {
      for (const second of latestFirst(fields.second)) yield [hour, minute, second].map(two).join(":");
    }
  }
}

const two = (value: number): string => String(value).padStart(2, "0");
