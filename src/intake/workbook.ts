import Excel from "exceljs";
import { open, type FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { mostColumns, refusedWidth, refusedWorkbook, type ImportRecord } from "#intake/import-record.ts";
import { cellText } from "#intake/cell-text.ts";
import { zipContent, zipEntries, ZipError, type ZipEntry } from "#intake/zip.ts";
import { isLetheError } from "#lib/errors.ts";

/**
 * Inflated bytes. A sheet of Excel's 1,048,576 rows with five columns stays below the first; the second bounds what is
 * held in memory, since a cell may refer to any shared string.
 */
const largest = { sheet: 1 << 30, sharedStrings: 128 << 20, part: 16 << 20 } as const;
/** Sheets shrink to a tenth, seldom to a fiftieth. */
const steepest = 200;
/** No cell of ours is longer; exceljs would gather a cell's text without end. */
const longestText = 1 << 20;

/**
 * The records of a workbook's first visible sheet, header included. The sheet is read by stream; only the shared strings
 * are held. The archive is hostile: `IMPORT_NOT_A_WORKBOOK` for anything that is none, and for one that inflates beyond
 * what a list of people can need.
 */
export async function* workbookRecords(file: string): AsyncGenerator<ImportRecord> {
  const handle = await open(file);
  try {
    const entries = new Map((await zipEntries(handle)).map((entry) => [entry.name, entry]));
    const reader = new Excel.stream.xlsx.WorkbookReader(Readable.from([]), readerOptions) as unknown as Parts;
    await reader._parseRels(part(handle, entries, "xl/_rels/workbook.xml.rels", largest.part));
    await reader._parseWorkbook(part(handle, entries, "xl/workbook.xml", largest.part));
    if (entries.has("xl/styles.xml")) await reader._parseStyles(part(handle, entries, "xl/styles.xml", largest.part));
    if (entries.has("xl/sharedStrings.xml")) {
      await exhausted(reader._parseSharedStrings(part(handle, entries, "xl/sharedStrings.xml", largest.sharedStrings)));
    }
    const sheet = part(handle, entries, firstSheet(reader), largest.sheet);
    for (const { value } of reader._parseWorksheet(sheet, "1")) yield* rowsOf(value, file);
  } catch (error) {
    if (isLetheError(error)) throw error;
    // The XML parser quotes what it could not read; a ZipError says nothing from the file.
    throw refusedWorkbook(file, error instanceof ZipError ? error.message : "the workbook's parts cannot be read");
  } finally {
    await handle.close();
  }
}

const readerOptions = {
  worksheets: "emit",
  sharedStrings: "cache",
  hyperlinks: "ignore",
  styles: "cache",
  entries: "ignore",
} as const;

/**
 * The parts of exceljs's streaming reader, each fed by itself. Its own `parse` takes the archive in the order of its
 * bytes: it spools sheets that come before their shared strings into unprotected temporary files, cuts characters that
 * span two chunks, and inflates without limit. exceljs is pinned to an exact version.
 */
type Parts = {
  readonly model?: { readonly sheets?: readonly { readonly rId: string; readonly state?: string }[] };
  readonly workbookRels?: readonly { readonly Id: string; readonly Target: string }[];
  _parseRels(part: Readable): Promise<void>;
  _parseWorkbook(part: Readable): Promise<void>;
  _parseStyles(part: Readable): Promise<void>;
  _parseSharedStrings(part: Readable): AsyncIterable<unknown>;
  _parseWorksheet(part: Readable, number: string): Iterable<{ readonly value: Excel.stream.xlsx.WorksheetReader }>;
};

const firstSheet = ({ model, workbookRels }: Parts): string => {
  const sheet = model?.sheets?.find(({ state }) => state === undefined || state === "visible");
  const target = workbookRels?.find(({ Id }) => Id === sheet?.rId)?.Target;
  if (target === undefined) throw new ZipError("the workbook has no visible sheet");
  return target.startsWith("/") ? target.slice(1) : `xl/${target}`;
};

/** A part of the archive as whole characters. Throws before inflating what is larger than `limit`. */
const part = (handle: FileHandle, entries: ReadonlyMap<string, ZipEntry>, name: string, limit: number): Readable => {
  const entry = entries.get(name);
  if (entry === undefined) throw new ZipError("the archive is no workbook");
  const bomb = entry.inflated > largest.part && entry.inflated > entry.compressed * steepest;
  if (bomb || entry.inflated > limit) throw new ZipError("the workbook inflates to more than a list of people can be");
  return Readable.from(characters(zipContent(handle, entry)));
};

async function* characters(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let sinceTag = 0;
  for await (const chunk of bytes) {
    const text = decoder.decode(chunk, { stream: true });
    const tag = text.lastIndexOf("<");
    sinceTag = tag < 0 ? sinceTag + text.length : text.length - tag;
    if (sinceTag > longestText) throw new ZipError("a cell of the workbook is larger than any identifier");
    yield text;
  }
  yield decoder.decode();
}

const exhausted = async (values: AsyncIterable<unknown>): Promise<void> => {
  for await (const value of values) void value;
};

async function* rowsOf(sheet: Excel.stream.xlsx.WorksheetReader, file: string): AsyncGenerator<ImportRecord> {
  let width: number | undefined;
  for await (const row of sheet) {
    if (row.cellCount > mostColumns) throw refusedWidth({ file, line: row.number });
    // Empty cells at a row's end are not in the file; the header says how many there are.
    width ??= row.cellCount;
    const cells: string[] = [];
    for (let column = 1; column <= Math.max(width, row.cellCount); column += 1) {
      cells.push(cellText(row.findCell(column)?.value ?? null));
    }
    yield { line: row.number, cells };
  }
}
