import { runReport } from "#reports/run-report.ts";
import type { ReportDefinition } from "#report/workbook-definition.ts";

/** What all runs of a period did together: the auditor's workbook, with the same sheets. */
export const periodReport: ReportDefinition = { ...runReport, title: "Erasure report for a period" };
