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
type BlockShape = { readonly columns: readonly ColumnShape[]; readonly title: string | undefined };

/** One of the sheets on which the rows of a definition stand: what is on it so far, and the row that comes next. */
type Part = { readonly number: number; readonly sheet: Worksheet; readonly charts: Chart[]; row: number };

/**
 * One sheet, or several where the rows do not fit: a title, a sentence, then a table (or tables) with fixed headers. Of the main one the header stays
 * in sight if it is the first, and is on every page of paper; its rows can be filtered. Resolves to how many rows it wrote below the headers.
 */
export const renderSheet = async <Source extends WorkbookSource>(
  writer: Writer,
  definition: TableSheet<Source>,
  source: Source,
  footer: string,
  limits: SheetLimits,
): Promise<number> => {
  const { blocks } = definition;
  const main = blocks.find((block) => block.main) ?? blocks[0];
  let part = openPart(writer, definition, 1, footer, blocks[0] === main ? firstLineOf(blocks[0]) - 1 : undefined);
  let written = 0;
  for (const [index, block] of blocks.entries()) {
    const turn = (top: number): Part => {
      closePart(writer, part);
      return openPart(writer, definition, part.number + 1, footer, block === main ? top : undefined);
    };
    if (index > 0) part.row += 1;
    // A header has a row below it, on the same sheet.
    if (part.row + firstLineOf(block) - headerRow > limits.rowsPerSheet) part = turn(firstLineOf(block) - 1);
    if (block.title !== undefined) part.row = writeTitle(part.sheet, part.row, block.title);
    const beside = chartsBeside(block.columns, block.bars);
    let first = part.row;
    part.row = writeHeader(part.sheet, first, block.columns);
    let empty = true;
    const end = (): void => {
      part.charts.push(...beside.drawn(first));
      if (block !== main) return;
      part.sheet.pageSetup.printTitlesRow = `${first}:${first}`;
      if (empty) return;
      part.sheet.autoFilter = {
        from: { row: first, column: 1 },
        to: { row: part.row - 1, column: block.columns.length },
      };
    };
    for await (const line of block.lines(source)) {
      empty = false;
      if (part.row > limits.rowsPerSheet) {
        end();
        part = turn(headerRow);
        first = headerRow;
        part.row = writeHeader(part.sheet, first, block.columns);
      }
      const height = writeCells(part.sheet, part.row, block.columns, line.cells, source.head.controller.timeZone);
      beside.take(part.row, line, height);
      part.row += 1;
      written += 1;
      if (part.row % rowsBetweenWaits === 0) await writer.drained(part.sheet);
    }
    if (empty) part.row = writeEmpty(part.sheet, part.row, block.empty);
    end();
  }
  closePart(writer, part);
  return written;
};

/** Where the lines of a block begin that is the first of a sheet. */
const firstLineOf = (block: BlockShape | undefined): number => headerRow + (block?.title === undefined ? 1 : 2);

/** `frozen`: the last of the rows that stay in sight. */
const openPart = (
  writer: Writer,
  definition: SheetShape,
  number: number,
  footer: string,
  frozen: number | undefined,
): Part => {
  const sheet = writer.addSheet(number === 1 ? definition.name : `${definition.name} (${number})`, {
    ...page(footer),
    views: [
      {
        showGridLines: false,
        ...(frozen === undefined
          ? { state: "normal" }
          : { state: "frozen", ySplit: frozen, xSplit: definition.frozenColumns ?? 0 }),
      },
    ],
    properties: { tabColor: { argb: inkOf(definition.tab) } },
  });
  sheet.columns = widthsOf(definition.blocks).map((width) => ({ width }));
  writeHeading(sheet, definition);
  return { number, sheet, charts: [], row: headerRow };
};

const closePart = (writer: Writer, { sheet, charts }: Part): void => {
  writer.draw(sheet, charts);
  (sheet as Worksheet & { commit(): void }).commit();
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
