import { CsvError, parse } from "csv-parse";
import { pipeline, Readable } from "node:stream";
import { LetheError, type Place } from "#lib/errors.ts";
import { longestRecord, refusedWidth, type ImportRecord } from "#intake/import-record.ts";
import { utf8Text } from "#intake/utf8-text.ts";

/**
 * The records of a CSV file (RFC 4180), header included, as a stream: memory does not grow with the file. UTF-8 with or
 * without a byte-order mark; comma, semicolon or tab, whichever the first line holds most of; any line ending.
 *
 * The file is hostile. Errors carry the line and never its text, which is why the parser's own error, which quotes it,
 * is not kept as the cause: `IMPORT_ENCODING`, `IMPORT_TOO_WIDE`, `IMPORT_MALFORMED`, `IMPORT_UNREADABLE`.
 */
export async function* csvRecords(file: string): AsyncGenerator<ImportRecord> {
  const text = utf8Text(file);
  const first = await text.next();
  if (first.done === true) return;
  let last = 0;
  const parser = parse({
    delimiter: delimiterOf(first.value),
    info: true,
    max_record_size: longestRecord,
    // The parser runs ahead of what it hands out: only here is it known how far it came before a mistake.
    on_record: (record: unknown, { lines }) => {
      last = lines;
      return record as string[];
    },
    relax_column_count: true,
    skip_empty_lines: true,
  });
  pipeline(Readable.from(joined(first.value, text)), parser, () => undefined);
  try {
    for await (const { info, record } of parser as AsyncIterable<Parsed>) {
      yield { line: info.lines - breaksIn(record), cells: record };
    }
  } catch (error) {
    throw error instanceof CsvError ? refusedSyntax(error, { file, line: last + 1 }) : error;
  }
}

type Parsed = { readonly info: { readonly lines: number }; readonly record: readonly string[] };

async function* joined(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}

const delimiterOf = (head: string): string => {
  const line = head.split(/[\r\n]/, 1)[0] ?? "";
  const count = (delimiter: string): number => line.split(delimiter).length;
  return [",", ";", "\t"].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
};

// A quoted cell may hold line breaks; people look for a record where it begins.
const breaksIn = (cells: readonly string[]): number =>
  cells.reduce((sum, cell) => (cell.includes("\n") ? sum + cell.split("\n").length - 1 : sum), 0);

// An open quotation mark swallows line after line: the parser notices far below, people look where the record begins.
const refusedSyntax = (error: CsvError, place: Place): LetheError => {
  const quoting = "quoting" in error && error["quoting"] === true;
  if (error.code === "CSV_MAX_RECORD_SIZE" && !quoting) return refusedWidth(place);
  return new LetheError("IMPORT_MALFORMED", "a quotation mark is not where CSV allows one, or is never closed", {
    place,
    hint: "put the whole cell into quotation marks and double those inside it (RFC 4180); nothing was imported",
  });
};
