import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LetheError } from "#lib/errors.ts";
import { refusalOf } from "#lib/files.ts";
import { renderJson } from "#report/render-json.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import type { ReportSource } from "#report/report-source.ts";
import type { ReportDefinition } from "#report/workbook-definition.ts";

/** Writes `report.json` and `report.xlsx` of a report into a directory, and waits until they are on the disk. */
export const writeReportFiles = async (
  directory: string,
  source: ReportSource,
  definition: ReportDefinition,
): Promise<void> => {
  const document = createWriteStream(join(directory, "report.json"), { flush: true });
  await pipeline(Readable.from(renderJson(source), { objectMode: false }), document);
  const workbook = createWriteStream(join(directory, "report.xlsx"), { flush: true });
  try {
    await renderWorkbook(source, definition, workbook);
  } finally {
    workbook.destroy();
  }
};

/** Runs work on files of `directory`; what the file system refuses comes out as `REPORT_UNWRITABLE`. */
export const onFiles = async <T>(directory: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const why = refusalOf(error);
    if (why === undefined || error instanceof LetheError) throw error;
    throw new LetheError("REPORT_UNWRITABLE", `the report cannot be written to ${directory}: ${why}`, {
      hint: "make room, or let `reports.directory` name a directory that this user may write to; then run again: nothing is lost",
      cause: error,
    });
  }
};
