import type { ReportDefinition } from "#report/workbook-definition.ts";
import { exceptionsSheet, periodExceptionsSheet } from "#reports/exceptions-sheet.ts";
import { runReport } from "#reports/run-report.ts";

/** What all runs of a period did together: the auditor's workbook, with the same sheets. */
export const periodReport: ReportDefinition = {
  ...runReport,
  title: "Erasure report for a period",
  sheets: runReport.sheets.map((sheet) => (sheet === exceptionsSheet ? periodExceptionsSheet : sheet)),
};
