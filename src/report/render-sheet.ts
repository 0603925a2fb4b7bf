import type { Worksheet } from "exceljs";
import { cellOf, textOf } from "#report/cell.ts";
import { chartsBeside } from "#report/chart/charts-beside.ts";
import type { Chart } from "#report/chart/chart.ts";
import { bodyStyle, headerStyle, inkOf, wordStyle } from "#report/palette.ts";
import type { CellValue, ColumnShape, TableSheet, WorkbookSource } from "#report/workbook-definition.ts";
import type { SheetOptions, Writer } from "#report/workbook-stream.ts";

const rowsBetweenWaits = 64;
const headerRow = 4;

export type SheetLimits = {
  /** Rows on one sheet before it continues on the next: Excel ends at 1,048,576. */
  readonly rowsPerSheet: number;
};

/** What of a sheet does not depend on where its rows come from. */
type SheetShape = Omit<TableSheet, "blocks"> & { readonly blocks: readonly BlockShape[] };
type BlockShape = { readonly columns: readonly ColumnShape[] };

/**
 * One sheet, or several where the rows do not fit: a title, a sentence, then a table (or tables) with fixed headers. Resolves to how many
 * rows it wrote below them.
 */
export const renderSheet = async <Source extends WorkbookSource>(
  writer: Writer,
  definition: TableSheet<Source>,
  source: Source,
  footer: string,
  limits: SheetLimits,
): Promise<number> => {
  const { blocks } = definition;
  let part = 1;
  let sheet = openSheet(writer, definition, part, footer);
  let charts: Chart[] = [];
  let row = headerRow;
  let written = 0;
  for (const [index, block] of blocks.entries()) {
    if (index > 0) row += 1;
    if (block.title !== undefined) row = writeTitle(sheet, row, block.title);
    const beside = chartsBeside(block.columns, block.bars);
    let first = row;
    row = writeHeader(sheet, row, block.columns);
    let empty = true;
    for await (const line of block.lines(source)) {
      empty = false;
      if (row > limits.rowsPerSheet) {
        writer.draw(sheet, [...charts, ...beside.drawn(first)]);
        closeSheet(sheet, block, first, row);
        charts = [];
        sheet = openSheet(writer, definition, ++part, footer);
        first = headerRow;
        row = writeHeader(sheet, first, block.columns);
      }
      const height = writeCells(sheet, row, block.columns, line.cells, source.head.controller.timeZone);
      beside.take(row, line, height);
      row += 1;
      written += 1;
      if (row % rowsBetweenWaits === 0) await writer.drained(sheet);
    }
    if (empty) row = writeEmpty(sheet, row, block.empty);
    charts.push(...beside.drawn(first));
    if (index < blocks.length - 1) continue;
    writer.draw(sheet, charts);
    closeSheet(sheet, block, first, row, !empty);
  }
  return written;
};

const openSheet = (writer: Writer, definition: SheetShape, part: number, footer: string): Worksheet => {
  const single = definition.blocks.length === 1;
  const sheet = writer.addSheet(part === 1 ? definition.name : `${definition.name} (${part})`, {
    ...page(footer),
    views: [
      {
        showGridLines: false,
        ...(single
          ? { state: "frozen", ySplit: headerRow, xSplit: definition.frozenColumns ?? 0 }
          : { state: "normal" }),
      },
    ],
    properties: { tabColor: { argb: inkOf(definition.tab) } },
  });
  if (single) sheet.pageSetup.printTitlesRow = `${headerRow}:${headerRow}`;
  sheet.columns = widthsOf(definition.blocks).map((width) => ({ width }));
  writeHeading(sheet, definition);
  return sheet;
};

/** The two rows with which every sheet but the first begins. */
export const writeHeading = (sheet: Worksheet, { name, about }: Pick<TableSheet, "name" | "about">): void => {
  const title = sheet.getRow(1);
  title.height = 26;
  title.getCell(1).value = textOf(name);
  title.getCell(1).style = wordStyle(16, "plain", { bold: true });
  title.commit();
  const sentence = sheet.getRow(2);
  sentence.getCell(1).value = textOf(about);
  sentence.getCell(1).style = wordStyle(10, "muted");
  sentence.commit();
};

/** Landscape A4, as wide as the paper, as many pages as it takes. */
export const page = (footer: string): SheetOptions => ({
  pageSetup: {
    paperSize: 9,
    orientation: "landscape",
    fitToPage: true,
    fitToWidth: 1,
    fitToHeight: 0,
    margins: { left: 0.4, right: 0.4, top: 0.5, bottom: 0.6, header: 0.2, footer: 0.3 },
  },
  headerFooter: { oddFooter: footer },
});

const widthsOf = (blocks: readonly BlockShape[]): number[] => {
  const widths: number[] = [];
  for (const { columns } of blocks) {
    for (const [index, { width }] of columns.entries()) widths[index] = Math.max(widths[index] ?? 0, width);
  }
  return widths;
};

const writeTitle = (sheet: Worksheet, number: number, title: string): number => {
  const row = sheet.getRow(number);
  row.height = 22;
  row.getCell(1).value = textOf(title);
  row.getCell(1).style = wordStyle(12, "accent", { bold: true });
  row.commit();
  return number + 1;
};

const writeHeader = (sheet: Worksheet, number: number, columns: readonly ColumnShape[]): number => {
  const row = sheet.getRow(number);
  row.height = 30;
  for (const [index, { header, format }] of columns.entries()) {
    const cell = row.getCell(index + 1);
    cell.value = textOf(header);
    cell.style = headerStyle(format);
  }
  row.commit();
  return number + 1;
};

/** Returns the height of the row. */
const writeCells = (
  sheet: Worksheet,
  number: number,
  columns: readonly ColumnShape[],
  values: readonly CellValue[],
  timeZone: string,
): number => {
  const row = sheet.getRow(number);
  const height = heightOf(columns, values);
  row.height = height;
  for (const [index, { format }] of columns.entries()) {
    const value = values[index] ?? null;
    const cell = row.getCell(index + 1);
    cell.value = cellOf(format, value, timeZone);
    cell.style = bodyStyle(format, value);
  }
  row.commit();
  return height;
};

/** Programs do not agree on whether they fit heights to wrapped text, so it is said. Points. */
const heightOf = (columns: readonly ColumnShape[], values: readonly CellValue[]): number => {
  const lines = columns.map(({ format, width }, index) => {
    const value = values[index];
    if (format !== "wrapped" || typeof value !== "string") return 1;
    return value.split("\n").reduce((sum, { length }) => sum + Math.max(1, Math.ceil(length / width)), 0);
  });
  return Math.min(400, 4 + 13 * Math.max(1, ...lines));
};

const writeEmpty = (sheet: Worksheet, number: number, words: string): number => {
  const row = sheet.getRow(number);
  row.height = 24;
  row.getCell(1).value = textOf(words);
  row.getCell(1).style = { ...wordStyle(10, "muted"), alignment: { vertical: "middle", indent: 1 } };
  row.commit();
  return number + 1;
};

const closeSheet = (sheet: Worksheet, block: BlockShape, header: number, next: number, filtered = true): void => {
  if (filtered) {
    sheet.autoFilter = { from: { row: header, column: 1 }, to: { row: next - 1, column: block.columns.length } };
  }
  (sheet as Worksheet & { commit(): void }).commit();
};
