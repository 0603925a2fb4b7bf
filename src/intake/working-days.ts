import { createRequire } from "node:module";
import type Holidays from "date-holidays";
import { Temporal } from "temporal-polyfill";
import type { Controller } from "#config.ts";
import { LetheError } from "#lib/errors.ts";

/** The calendars of the whole world are a hundred modules, and most commands and nights ask for no day. */
const holidays = (): typeof Holidays => createRequire(import.meta.url)("date-holidays") as typeof Holidays;

export type Jurisdiction = Pick<Controller, "country" | "region">;

// Looking a year up costs milliseconds, and an import asks for each row. The values are constant for the process.
const years = new Map<string, ReadonlySet<string>>();

/**
 * Working days in the sense of Regulation (EEC, Euratom) 1182/71 Art. 2(2): all days other than public holidays,
 * Saturdays and Sundays. Public holidays are those of the controller's country and region, statutory ones only (no bank,
 * school or optional holidays, no observances). Throws `CONFIG_INVALID` for a country or region without known holidays:
 * silently knowing none would shorten nothing but would be wrong in every answer.
 */
export const isWorkingDay = (day: Temporal.PlainDate, jurisdiction: Jurisdiction): boolean =>
  day.dayOfWeek <= 5 && !publicHolidays(day.year, jurisdiction).has(day.toString());

/** The day itself when it is a working day, else the next one. */
export const nextWorkingDay = (day: Temporal.PlainDate, jurisdiction: Jurisdiction): Temporal.PlainDate => {
  let working = day;
  while (!isWorkingDay(working, jurisdiction)) working = working.add({ days: 1 });
  return working;
};

const publicHolidays = (year: number, jurisdiction: Jurisdiction): ReadonlySet<string> => {
  const name = `${jurisdiction.country}/${jurisdiction.region ?? ""}/${year}`;
  const known = years.get(name);
  if (known !== undefined) return known;
  const calendar = calendarOf(jurisdiction);
  const days = new Set<string>();
  // A holiday that begins in the old year may reach into this one.
  for (const holiday of [...calendar.getHolidays(year - 1), ...calendar.getHolidays(year)]) {
    for (const day of daysOf(holiday)) days.add(day);
  }
  years.set(name, days);
  return days;
};

const calendarOf = ({ country, region }: Jurisdiction): Holidays => {
  const Calendar = holidays();
  const calendar = new Calendar();
  const regions = Object.keys(calendar.getStates(country) ?? {}).map((code) => code.toUpperCase());
  const known = Object.hasOwn(calendar.getCountries(), country.toUpperCase());
  if (!known || (region !== undefined && !regions.includes(region.toUpperCase()))) {
    throw new LetheError(
      "CONFIG_INVALID",
      `no public holidays are known for controller ${country} ${region ?? ""}`.trim(),
      {
        hint: "set controller.country to an ISO 3166-1 code and controller.region to an ISO 3166-2 subdivision of it, or leave the region out",
      },
    );
  }
  const options = { types: ["public" as const] };
  return region === undefined ? new Calendar(country, options) : new Calendar(country, region, options);
};

/** The days whose noon the holiday covers: half holidays do not count, and one from sunset to sunset counts once. */
const daysOf = (holiday: { date: string; start: Date; end: Date }): string[] => {
  const start = Temporal.PlainDateTime.from(holiday.date.slice(0, 19).replace(" ", "T"));
  const end = start.add({ milliseconds: holiday.end.getTime() - holiday.start.getTime() });
  const days: string[] = [];
  for (let day = start.toPlainDate(); ; day = day.add({ days: 1 })) {
    const noon = day.toPlainDateTime({ hour: 12 });
    if (Temporal.PlainDateTime.compare(noon, end) >= 0) return days;
    if (Temporal.PlainDateTime.compare(noon, start) >= 0) days.push(day.toString());
  }
};
