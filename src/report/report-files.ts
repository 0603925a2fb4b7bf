import { createWriteStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LetheError } from "#lib/errors.ts";
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

/** Makes the names in a directory last through a power cut. Windows cannot open directories, and needs no such thing. */
export const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** An empty directory, whatever a crash left there. */
export const freshDirectory = async (directory: string): Promise<void> => {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
};

const causes: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the quota is used up",
  EACCES: "this user may not write there",
  EPERM: "this user may not write there",
  EROFS: "it is read-only",
  ENOTDIR: "a part of its path is a file",
  EEXIST: "there is a file of that name",
  ENOENT: "it has disappeared",
  ENAMETOOLONG: "its path is too long",
  ENOTEMPTY: "another program wrote to it",
  EISDIR: "another program wrote to it",
  EIO: "the disk has failed",
  EMFILE: "too many files are open",
};

/** Runs work on files of `directory`; what the file system refuses comes out as `REPORT_UNWRITABLE`. */
export const onFiles = async <T>(directory: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && "code" in error && "syscall" in error ? String(error.code) : "";
    const why = Object.hasOwn(causes, code) ? causes[code] : undefined;
    if (why === undefined || error instanceof LetheError) throw error;
    throw new LetheError("REPORT_UNWRITABLE", `the report cannot be written to ${directory}: ${why}`, {
      hint: "make room, or let `reports.directory` name a directory that this user may write to; then run again: nothing is lost",
      cause: error,
    });
  }
};
