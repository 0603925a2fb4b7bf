import type { Writable } from "node:stream";
import { Temporal } from "temporal-polyfill";
import { toDate } from "#lib/clock.ts";
import { renderCalendar } from "#report/render-calendar.ts";
import { renderSheet, type SheetLimits } from "#report/render-sheet.ts";
import { renderSummary } from "#report/render-summary.ts";
import type { WorkbookDefinition, WorkbookSource } from "#report/workbook-definition.ts";
import { workbookWriter } from "#report/workbook-stream.ts";

/** The room of a sheet in Excel, less its title. */
const excelLimits: SheetLimits = { rowsPerSheet: 1_048_576 };

/**
 * Writes a workbook to `output` sheet after sheet; memory does not grow with the rows. The same source gives the same
 * bytes. Resolves to how many rows were written below the headers of each sheet; rejects when `output` fails.
 */
export const renderWorkbook = async <Source extends WorkbookSource>(
  source: Source,
  definition: WorkbookDefinition<Source>,
  output: Writable,
  limits: SheetLimits = excelLimits,
): Promise<Readonly<Record<string, number>>> => {
  const { run, readAt } = source.head;
  const writer = workbookWriter(output, toDate(Temporal.Instant.from(run?.ended ?? readAt)));
  // `&` begins a code in a footer: a run's id has none.
  const footer = `&L&8Lethe · ${definition.title}${run === undefined ? "" : ` · ${run.id.replaceAll("&", "")}`}&R&8Page &P of &N`;
  renderSummary(writer, definition, source.head, footer);
  const written: Record<string, number> = {};
  for (const sheet of definition.sheets) {
    written[sheet.name] = await ("calendar" in sheet
      ? renderCalendar(writer, sheet, source, footer)
      : renderSheet(writer, sheet, source, footer, limits));
  }
  await writer.finish();
  return written;
};
