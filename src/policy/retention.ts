import { Temporal } from "temporal-polyfill";
import type { RetentionClass } from "#policy/policy.ts";

/** From when a period runs. The second and later kinds of year differ only where the fiscal year is not the calendar year. */
export const anchors = [
  "event",
  "end-of-calendar-year",
  "end-of-fiscal-year",
  "end-of-calendar-year-of-fiscal-year-end",
] as const;
export type Anchor = (typeof anchors)[number];

/**
 * The first day on which a record may be erased; it stays through the day before.
 *
 * From an event, its day is not counted, and the period ends with the day of the same number, or the month's last (Reg. 1182/71 Art. 3,
 * BGB §187(1), §188(2)). From the end of a year it begins with the next day, which is counted (HGB §257(5), BAO §132(1), BGB
 * §187(2)): of the two countings that a February allows, the one that keeps longer.
 */
export const erasableFrom = (
  { anchor, period, yearBegins }: Pick<RetentionClass, "anchor" | "period" | "yearBegins">,
  event: Temporal.PlainDate,
): Temporal.PlainDate => {
  const length = Temporal.Duration.from(period);
  if (anchor === "event") return event.add(length).add({ days: 1 });
  return endOfYear(anchor, event, yearBegins).add({ days: 1 }).add(length);
};

const endOfYear = (
  anchor: Exclude<Anchor, "event">,
  event: Temporal.PlainDate,
  yearBegins: string,
): Temporal.PlainDate => {
  switch (anchor) {
    case "end-of-calendar-year":
      return event.with({ month: 12, day: 31 });
    case "end-of-fiscal-year":
      return endOfFiscalYear(event, yearBegins);
    case "end-of-calendar-year-of-fiscal-year-end":
      return endOfFiscalYear(event, yearBegins).with({ month: 12, day: 31 });
  }
};

/** The last day of the fiscal year in which a day lies. `yearBegins`: `MM-DD`, a day that every year has. */
const endOfFiscalYear = (day: Temporal.PlainDate, yearBegins: string): Temporal.PlainDate => {
  const first = Temporal.PlainMonthDay.from(yearBegins).toPlainDate({ year: day.year });
  const next = Temporal.PlainDate.compare(day, first) < 0 ? first : first.add({ years: 1 });
  return next.subtract({ days: 1 });
};

/**
 * The latest day whose records may be erased on `today`; undefined when there is none. A later event is never erasable earlier, so that
 * everything up to this day is due, and a statement needs no more than one comparison with the clock.
 */
export const dueThrough = (
  cls: Pick<RetentionClass, "anchor" | "period" | "yearBegins">,
  today: Temporal.PlainDate,
): Temporal.PlainDate => {
  const latest = today.subtract(Temporal.Duration.from(cls.period));
  const isDue = (daysBefore: number): boolean =>
    Temporal.PlainDate.compare(erasableFrom(cls, latest.subtract({ days: daysBefore })), today) <= 0;
  // The period back from today is at most a few days too early, where days are added after months.
  if (isDue(0)) {
    let later = 0;
    while (isDue(later - 1)) later -= 1;
    return latest.subtract({ days: later });
  }
  // The period back from today is at most a year and a few days too late: found in nine steps, for a day's arithmetic takes its time.
  let [open, due] = [0, 1];
  while (!isDue(due)) [open, due] = [due, due * 2];
  while (due - open > 1) {
    const middle = (open + due) >> 1;
    if (isDue(middle)) due = middle;
    else open = middle;
  }
  return latest.subtract({ days: due });
};
