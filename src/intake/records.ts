import { open, stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { csvRecords } from "#intake/csv.ts";
import { parseHeader, type Header } from "#intake/header.ts";
import { mostColumns, refusedWidth, refusedWorkbook, type ImportRecord } from "#intake/import-record.ts";
import { chunksOf, unreadable } from "#intake/utf8-text.ts";
import { LetheError } from "#lib/errors.ts";

export type NumberedRecord = ImportRecord & {
  /** 1-based, below the header, blank lines left out: with the file's digest it names the row for ever. */
  readonly row: number;
};

export type Chunk = {
  readonly header: Header;
  readonly records: readonly NumberedRecord[];
  /** Hash over everything up to the end of this chunk: what a second reading must meet again. */
  readonly seal: string;
};

const rowsPerChunk = 500;

/**
 * An import file in chunks, by stream. The kind is told by its first bytes, not by its name. Throws what `parseHeader`,
 * `csvRecords` and `workbookRecords` throw, `IMPORT_EMPTY` for a file without records, `IMPORT_TOO_WIDE` for a row that
 * is wider than any honest one.
 */
export async function* chunksOfFile(file: string): AsyncGenerator<Chunk> {
  const hash = createHash("sha256");
  let header: Header | undefined;
  let records: NumberedRecord[] = [];
  let row = 0;
  for await (const record of await recordsOf(file)) {
    if (record.cells.every((cell) => cell.trim() === "")) continue;
    if (record.cells.length > mostColumns) throw refusedWidth({ file, line: record.line });
    if (header === undefined) {
      header = parseHeader(record, file);
      continue;
    }
    row += 1;
    hash.update(JSON.stringify(record.cells));
    records.push({ ...record, row });
    if (records.length < rowsPerChunk) continue;
    yield { header, records, seal: hash.copy().digest("base64") };
    records = [];
  }
  if (header === undefined || row === 0) throw refusedEmpty(file);
  if (records.length > 0) yield { header, records, seal: hash.digest("base64") };
}

/** SHA-256 of a file's bytes. Throws `IMPORT_UNREADABLE`, also for what is no regular file. */
export const digestOfFile = async (file: string): Promise<string> => {
  const status = await stat(file).catch((error: unknown) => {
    throw unreadable(file, error);
  });
  if (!status.isFile()) throw unreadable(file, Object.assign(new Error("not a regular file"), { code: "ENOTFILE" }));
  const hash = createHash("sha256");
  for await (const chunk of chunksOf(file)) hash.update(chunk);
  return hash.digest("hex");
};

const recordsOf = async (file: string): Promise<AsyncIterable<ImportRecord>> => {
  const head = await headOf(file);
  if (head.length === 0) throw refusedEmpty(file);
  if (head.subarray(0, 2).toString("latin1") === "PK") {
    // Every command on requests would load the reader of workbooks otherwise, which takes longer than most of them.
    const { workbookRecords } = await import("#intake/workbook.ts");
    return workbookRecords(file);
  }
  if (/\.xls[xmb]?$/i.test(file) || head.equals(Buffer.from("d0cf11e0", "hex"))) {
    throw refusedWorkbook(file, "the file is no XLSX workbook");
  }
  return csvRecords(file);
};

const headOf = async (file: string): Promise<Buffer> => {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(file, error);
  }
};

const refusedEmpty = (file: string): LetheError =>
  new LetheError("IMPORT_EMPTY", "the file holds no request", {
    place: { file },
    hint: "put the column names into the first row and one request into each row below; nothing was imported",
  });
