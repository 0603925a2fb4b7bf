import { Temporal } from "temporal-polyfill";
import { readLaw, type Under } from "#policy/law.ts";
import type { Holder } from "#policy/load.ts";
import { calendarYear } from "#records/controller.ts";

const on = Temporal.PlainDate.from("2026-11-02");

/** A company in a country, whose fiscal year is the calendar year, in November 2026. */
export const holderIn = (country: string): Holder => ({
  controller: { country, sector: undefined, fiscalYearBegins: calendarYear },
  on,
});

/** The law that holds for it. */
export const lawIn = (country: string): Under => ({
  versions: readLaw(),
  country,
  sector: undefined,
  yearBegins: calendarYear,
  on,
});
