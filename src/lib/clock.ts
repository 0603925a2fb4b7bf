import { Temporal } from "temporal-polyfill";

/** The only source of time. Everything else takes a `Clock`, so that rehearsals and tests can set it (I13). */
export type Clock = { now(): Temporal.Instant };

export const systemClock: Clock = { now: () => Temporal.Now.instant() };

/** A clock that starts at `start` and goes on ticking with the machine's monotonic time. */
export const clockFrom = (start: Temporal.Instant): Clock => {
  const began = performance.now();
  return { now: () => start.add({ milliseconds: Math.trunc(performance.now() - began) }) };
};

/** A clock that stands still: for tests that compare whole outputs. */
export const fixedClock = (at: string): Clock => ({ now: () => Temporal.Instant.from(at) });

/** The calendar day of an instant for people in a time zone. */
export const dayIn = (instant: Temporal.Instant, timeZone: string): Temporal.PlainDate =>
  instant.toZonedDateTimeISO(timeZone).toPlainDate();

/** For the libraries that take nothing but a `Date` (pg, exceljs). */
export const toDate = (instant: Temporal.Instant): Date => new Date(instant.epochMilliseconds);
export const fromDate = (date: Date): Temporal.Instant => Temporal.Instant.fromEpochMilliseconds(date.getTime());
