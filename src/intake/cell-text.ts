import type { CellValue } from "exceljs";
import { fromDate } from "#lib/clock.ts";

/** What stands for a formula or an error in a record: the row is refused, its text is of no use. */
const formula = "=";

/**
 * A workbook's cell as the text that a CSV would hold. A date without a time becomes an ISO date, one with a time keeps
 * it without a zone and is refused as a day of receipt, since nobody knows which zone was meant.
 */
export const cellText = (value: CellValue): string => {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Number.isSafeInteger(value) ? String(value) : numberText(value);
  if (typeof value === "boolean") return String(value);
  if ("getTime" in value) return dateText(value);
  if ("richText" in value) return value.richText.map(({ text }) => text).join("");
  if ("hyperlink" in value) return value.text;
  return formula;
};

// Beyond 2^53 Excel itself has lost digits: such an id would name somebody else.
const numberText = (value: number): string => (Number.isInteger(value) ? formula : String(value));

const dateText = (date: Parameters<typeof fromDate>[0]): string => {
  if (Number.isNaN(date.getTime())) return formula;
  const text = fromDate(date).toString({ smallestUnit: "millisecond" });
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : text.slice(0, -1);
};
