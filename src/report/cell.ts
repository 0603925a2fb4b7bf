import { Temporal } from "temporal-polyfill";
import { dayIn, toDate } from "#lib/clock.ts";
import type { CellFormat, CellValue } from "#report/workbook-definition.ts";

/** The only form in which exceljs takes a date. */
export type ExcelMoment = ReturnType<typeof toDate>;

const isDay = /^\d{4}-\d{2}-\d{2}$/;

/** What Excel holds in one cell. */
const longest = 32_767;

/**
 * Text that stays text. Names of tables, backups and constraints come from outside: the value is always handed over as
 * a plain string (never a formula, link or rich-text object), without characters that XML cannot carry.
 */
export const textOf = (value: unknown): string => {
  const text = String(value)
    .toWellFormed()
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, "\uFFFD");
  return text.length <= longest ? text : `${text.slice(0, longest - 1).toWellFormed()}…`;
};

/**
 * The value of a cell: a string, a number or a date, nothing that can act. Instants become the wall clock of the
 * controller's time zone, because a workbook knows no time zones.
 */
export const cellOf = (
  format: CellFormat,
  value: CellValue,
  timeZone: string,
): string | number | ExcelMoment | null => {
  if (value === null) return null;
  switch (format) {
    case "date":
      return typeof value === "string" ? dateCell(dayOf(value, timeZone)) : null;
    case "until":
      return typeof value === "string" && isDay.test(value) ? dateCell(Temporal.PlainDate.from(value)) : textOf(value);
    case "instant":
      return typeof value === "string" ? instantCell(value, timeZone) : null;
    case "count":
    case "ratio":
    case "bytes":
    case "days":
      return typeof value === "number" ? value : textOf(value);
    case "total":
      return exactNumber(value);
    case "check":
      return value === true ? "✓" : "✗";
    case "text":
    case "wrapped":
    case "code":
    case "state":
    case "treatment":
    case "kind":
      return textOf(value);
  }
};

/** Of a date itself, of an instant the day in the controller's time zone. */
const dayOf = (value: string, timeZone: string): Temporal.PlainDate =>
  isDay.test(value) ? Temporal.PlainDate.from(value) : dayIn(Temporal.Instant.from(value), timeZone);

/**
 * Excel counts days since 1900 and reads the fields that exceljs writes as UTC. It takes 1900 for a leap year: the days before 1 March of that year
 * are others to it than to anybody else, and of those before the first it knows none. These are text.
 */
const momentOf = (moment: Temporal.PlainDateTime, written: string): ExcelMoment | string =>
  moment.year < 1900 || (moment.year === 1900 && moment.month < 3)
    ? written
    : toDate(moment.toZonedDateTime("UTC").toInstant());

const dateCell = (day: Temporal.PlainDate): ExcelMoment | string => momentOf(day.toPlainDateTime(), day.toString());

const instantCell = (value: string, timeZone: string): ExcelMoment | string => {
  const moment = Temporal.Instant.from(value).toZonedDateTimeISO(timeZone).toPlainDateTime();
  return momentOf(moment, moment.toString({ smallestUnit: "minute" }).replace("T", " "));
};

/** A decimal of the database as a number, or as text where a double would round it. */
const exactNumber = (value: string | number | boolean): string | number => {
  const text = String(value);
  if (!/^-?\d+(\.\d+)?$/.test(text)) return textOf(value);
  const digits = text.replaceAll(/^-?0*|\.|0+$/g, "");
  return digits.length <= 15 ? Number(text) : textOf(text);
};
