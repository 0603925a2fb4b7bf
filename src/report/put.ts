import type { Style, Worksheet } from "exceljs";
import { textOf } from "#report/cell.ts";

/** A value over the columns `from` to `to` of a row. */
export const put = (
  sheet: Worksheet,
  row: number,
  [from, to]: readonly [number, number],
  value: string | number | null,
  style: Partial<Style>,
): void => {
  // A merged range shows the style of each of its cells at the edges.
  for (let column = from; column <= to; column++) sheet.getCell(row, column).style = style;
  if (to > from) sheet.mergeCells(row, from, row, to);
  const cell = sheet.getCell(row, from);
  cell.value = typeof value === "string" ? textOf(value) : value;
  cell.style = style;
};
