import type { Writable } from "node:stream";
import { Temporal } from "temporal-polyfill";
import { toDate } from "#lib/clock.ts";
import { renderSheet, type SheetLimits } from "#report/render-sheet.ts";
import { renderSummary } from "#report/render-summary.ts";
import type { ReportSource } from "#report/report-source.ts";
import type { ReportDefinition } from "#report/workbook-definition.ts";
import { workbookWriter } from "#report/workbook-stream.ts";

/** The room of a sheet in Excel, less its title. */
const excelLimits: SheetLimits = { rowsPerSheet: 1_048_576 };

/**
 * Writes `report.xlsx` to `output` sheet after sheet; memory does not grow with the rows. The same source gives the same
 * bytes. Rejects when `output` fails.
 */
export const renderWorkbook = async (
  source: ReportSource,
  definition: ReportDefinition,
  output: Writable,
  limits: SheetLimits = excelLimits,
): Promise<void> => {
  const { run, readAt } = source.head;
  const writer = workbookWriter(output, toDate(Temporal.Instant.from(run?.ended ?? readAt)));
  // `&` begins a code in a footer: a run's id has none.
  const footer = `&L&8Lethe · ${definition.title}${run === undefined ? "" : ` · ${run.id.replaceAll("&", "")}`}&R&8Page &P of &N`;
  renderSummary(writer, definition, source.head, footer);
  for (const sheet of definition.sheets) await renderSheet(writer, sheet, source, footer, limits);
  await writer.finish();
};
