import { Temporal } from "temporal-polyfill";
import { lastDue } from "#lib/last-due.ts";

/** When erasures run, as the configuration says: cron expressions by job, and the IANA name of the time zone in which they are meant. */
export type Nights = {
  readonly schedule: Readonly<Record<string, string>>;
  readonly controller: { readonly timeZone: string };
};

const erasing = ["nightly", "erase"];

/**
 * The day of the last night in which a request may still wait for company: of those that are scheduled the last before the day on which it is due.
 * The day itself is left for telling the person, and its night for what fails. Where nothing is scheduled, nights are taken to be every day.
 */
export const lastNightOf = (due: string, { schedule, controller: { timeZone } }: Nights): string => {
  const day = Temporal.PlainDate.from(due);
  const before = day.toZonedDateTime({ timeZone }).toInstant().subtract({ milliseconds: 1 });
  const nights = erasing.flatMap((job) => {
    const at = schedule[job] === undefined ? undefined : lastDue(schedule[job], timeZone, before);
    return at === undefined ? [] : [at.toZonedDateTimeISO(timeZone).toPlainDate()];
  });
  const [last] = nights.toSorted((a, b) => Temporal.PlainDate.compare(b, a));
  return (last ?? day.subtract({ days: 1 })).toString();
};

const farthestDays = 366;

/** The latest day on which a request may be due of which the night of `today` is the last, or was. */
export const lastDayOf = (today: Temporal.PlainDate, nights: Nights): string => {
  for (let days = 2; days < farthestDays; days += 1) {
    const due = today.add({ days });
    if (lastNightOf(due.toString(), nights) > today.toString()) return due.subtract({ days: 1 }).toString();
  }
  return today.add({ days: farthestDays }).toString();
};
