import type { Cell, CellRange } from "#report/chart/chart.ts";
import { each, element, type Xml } from "#report/chart/xml.ts";

const letters = (column: number): string =>
  (column > 26 ? letters(Math.floor((column - 1) / 26)) : "") + String.fromCodePoint(65 + ((column - 1) % 26));

/** `'Policy & ledger'!$B$3:$B$9`. */
const reference = (sheet: string, column: number, from: number, to: number): string => {
  const at = (row: number): string => `$${letters(column)}$${row}`;
  return `'${sheet.replaceAll("'", "''")}'!${from === to ? at(from) : `${at(from)}:${at(to)}`}`;
};

const referenceTo = (sheet: string, { row, column, values }: CellRange): Xml =>
  element("c:f", {}, reference(sheet, column, row, row + values.length - 1));

/** Values that a program shows before it has read the cells; of an empty cell, none. */
const points = (values: CellRange["values"]): Xml =>
  each([
    element("c:ptCount", { val: values.length }),
    ...values.flatMap((value, idx) =>
      value === null ? [] : [element("c:pt", { idx }, element("c:v", {}, String(value)))],
    ),
  ]);

export const categoriesOf = (range: CellRange, sheet: string): Xml =>
  element(
    "c:cat",
    {},
    element("c:strRef", {}, referenceTo(sheet, range), element("c:strCache", {}, points(range.values))),
  );

export const valuesOf = (range: CellRange, sheet: string): Xml =>
  element(
    "c:val",
    {},
    element(
      "c:numRef",
      {},
      referenceTo(sheet, range),
      element("c:numCache", {}, element("c:formatCode", {}, "#,##0"), points(range.values)),
    ),
  );

export const seriesNameOf = ({ row, column, value }: Cell, sheet: string): Xml =>
  element(
    "c:tx",
    {},
    element(
      "c:strRef",
      {},
      element("c:f", {}, reference(sheet, column, row, row)),
      element("c:strCache", {}, points([value])),
    ),
  );
