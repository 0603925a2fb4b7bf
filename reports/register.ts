import type { RegisterSource } from "#register/register-source.ts";
import type { WorkbookDefinition } from "#report/workbook-definition.ts";
import { clocksSheet, overdueSheet, requestsSheet } from "#reports/register-requests.ts";
import { decisionsSheet, holdsSheet } from "#reports/register-decisions.ts";
import { copiesSheet, dispositionsSheet, recipientsSheet, staysSheet } from "#reports/register-records.ts";
import { evidenceSheet, rulesSheet } from "#reports/register-evidence.ts";
import { registerSummary } from "#reports/register-summary.ts";

/** The data protection officer's register: what `lethe register export` writes. The last sheet speaks of the rows of those before it. */
export const registerReport: WorkbookDefinition<RegisterSource> = {
  title: "Register of erasure requests",
  summary: registerSummary,
  sheets: [
    overdueSheet,
    requestsSheet,
    clocksSheet,
    decisionsSheet,
    holdsSheet,
    dispositionsSheet,
    staysSheet,
    recipientsSheet,
    copiesSheet,
    rulesSheet,
    evidenceSheet,
  ],
};
