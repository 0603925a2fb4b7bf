import type { Writable } from "node:stream";
import type { Worksheet, stream as exceljsStream } from "exceljs";
// The whole of exceljs, with its readers of archives and of CSV, takes twice as long to load. Its version is pinned.
import WorkbookWriter from "exceljs/lib/stream/xlsx/workbook-writer.js";
import type { ExcelMoment } from "#report/cell.ts";
import { chartsInto, type AttachCharts } from "#report/chart/attach-charts.ts";

export type Writer = {
  readonly addSheet: (name: string, options: SheetOptions) => Worksheet;
  /** Puts charts on a sheet that is not committed yet. */
  readonly draw: AttachCharts;
  /** Waits until the rows that were committed so far have left the process's memory. Throws when the output failed. */
  readonly drained: (sheet: Worksheet) => Promise<void>;
  /** Writes the rest; resolves when the output has taken everything. */
  readonly finish: () => Promise<void>;
};

export type SheetOptions = Parameters<exceljsStream.xlsx.WorkbookWriter["addWorksheet"]>[1];

/** What exceljs does not declare: the zip it feeds, and the pipe between a sheet and the zip. */
type Hidden = {
  readonly zip?: { _module?: { append(source: unknown, data: { date?: ExcelMoment }, done: unknown): void } };
};
type HiddenSheet = { readonly stream?: { readonly pipes?: readonly Writable[] } };

const nothing = Buffer.alloc(0);

/**
 * An XLSX file written straight to `output`: a row leaves memory when it is committed. The same input gives the same
 * bytes, as `created` also stands for the moment at which the parts of the archive were made.
 */
export const workbookWriter = (output: Writable, created: ExcelMoment): Writer => {
  const writer = new WorkbookWriter({
    stream: output,
    useStyles: true,
    useSharedStrings: false,
    zip: { forceLocalTime: false, zlib: { level: 6 } },
  });
  writer.creator = "Lethe";
  writer.lastModifiedBy = "Lethe";
  writer.created = created;
  writer.modified = created;
  writer.views = [{ x: 0, y: 0, width: 24_000, height: 14_000, firstSheet: 0, activeTab: 0, visibility: "visible" }];
  datePartsAt(writer as unknown as Hidden, created);
  // exceljs knows of no failing output: without this, waiting for it would never end.
  const failure = new Promise<never>((_, reject) => output.once("error", reject));
  failure.catch(() => undefined);
  return {
    addSheet: (name, options) => writer.addWorksheet(name, options),
    draw: chartsInto(writer),
    drained: async (sheet) => {
      const pipes = (sheet as unknown as HiddenSheet).stream?.pipes ?? [];
      // The pipe is of a stream library too old to say whether it is full; a write is called back after those before it.
      for (const pipe of pipes) await Promise.race([new Promise((settle) => pipe.write(nothing, settle)), failure]);
    },
    finish: async () => {
      await Promise.race([writer.commit(), failure]);
    },
  };
};

const datePartsAt = ({ zip }: Hidden, created: ExcelMoment): void => {
  const parts = zip?._module;
  if (parts === undefined) return;
  const append = parts.append.bind(parts);
  parts.append = (source, data, done) => append(source, { ...data, date: created }, done);
};
