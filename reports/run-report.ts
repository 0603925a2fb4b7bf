import { analyticsSheet } from "#reports/analytics-sheet.ts";
import { durationText } from "#lib/duration-text.ts";
import type { RetentionRule } from "#records/entry.ts";
import type { RequestItem } from "#report/report-document.ts";
import type { ReportDefinition } from "#report/workbook-definition.ts";
import { table } from "#report/workbook-definition.ts";
import { backupCalendarSheet, backupsSheet } from "#reports/backups-sheets.ts";
import { exceptionsSheet } from "#reports/exceptions-sheet.ts";
import { expirySheet } from "#reports/expiry-sheet.ts";
import { holdsSheet } from "#reports/holds-sheet.ts";
import { figuresSheet, outcomesSheet, recipientsSheet, remediesSheet, staysSheet } from "#reports/outcome-sheets.ts";
import { summarySheet } from "#reports/summary-sheet.ts";

const ruleText = ({ period, anchor, basis, exception }: RetentionRule): string =>
  `${durationText(period)}, ${anchor.replaceAll("-", " ")}; ${basis}, Art. 17(3)(${exception})`;

type Refusal = RequestItem["refusal"];

/** As days that are left, so that late is late in one way. */
const refusedLate = (refusal: Refusal): number | null => (refusal?.late ? -refusal.late.days : null);

const refusalText = ({ reason, exception, citation, late }: NonNullable<Refusal>): string => {
  const cited = exception === null ? reason : `${reason}, Art. 17(3)(${exception}), ${citation}`;
  return late === null ? cited : `${cited}; told after ${late.due} (${late.basis})`;
};

/** What one run did: the workbook that lies beside `report.json` in every bundle. */
export const runReport: ReportDefinition = {
  title: "Erasure report",
  summary: summarySheet,
  sheets: [
    {
      name: "Requests",
      about: "Every request that is open, that this run worked on, or that changed since the run before.",
      tab: "accent",
      frozenColumns: 1,
      blocks: [
        table("requests", {
          empty: "No request is open, and none has changed.",
          columns: [
            { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
            { header: "State", width: 12, format: "state", of: (row) => row.state },
            { header: "Received", width: 12, format: "date", of: (row) => row.received },
            { header: "Due", width: 12, format: "date", of: (row) => row.due },
            { header: "Days", width: 12, format: "days", of: (row) => row.daysLeft ?? refusedLate(row.refusal) },
            { header: "Decided", width: 17, format: "instant", of: (row) => row.decided },
            { header: "Scheduled for", width: 17, format: "instant", of: (row) => row.scheduledFor },
            { header: "Erased", width: 17, format: "instant", of: (row) => row.erased },
            { header: "Backups left", width: 10, format: "count", of: (row) => row.backupsLeft },
            { header: "Backups clear on", width: 12, format: "date", of: (row) => row.backupsClearOn },
            { header: "Completed", width: 17, format: "instant", of: (row) => row.completed },
            { header: "Ground Art. 17(1)", width: 10, format: "state", of: (row) => row.ground },
            { header: "Purpose", width: 16, format: "text", of: (row) => row.purpose },
            { header: "Code", width: 34, format: "code", of: (row) => row.code },
            { header: "What to do", width: 46, format: "wrapped", of: (row) => row.hint },
            { header: "Refusal", width: 36, format: "wrapped", of: (row) => row.refusal && refusalText(row.refusal) },
          ],
        }),
      ],
    },
    outcomesSheet,
    {
      name: "Dispositions",
      about:
        "What became of the records, per table: rows that changed or stay, and rows spared because a live person uses them too.",
      tab: "good",
      blocks: [
        table("dispositions", {
          empty: "This run changed no records.",
          columns: [
            { header: "Store", width: 16, format: "text", of: (row) => row.store },
            { header: "Table", width: 32, format: "text", of: (row) => row.table },
            { header: "Treatment", width: 13, format: "treatment", of: (row) => row.treatment },
            { header: "Rows", width: 11, format: "count", of: (row) => row.rows },
            { header: "Spared", width: 10, format: "count", of: (row) => row.spared },
            { header: "Requests", width: 11, format: "count", of: (row) => row.requests },
            { header: "Legal basis", width: 34, format: "text", of: (row) => row.basis },
            { header: "First erasable", width: 13, format: "date", of: (row) => row.until?.first ?? null },
            { header: "Last erasable", width: 13, format: "date", of: (row) => row.until?.last ?? null },
            { header: "Art. 17(3)", width: 10, format: "state", of: (row) => row.exception },
          ],
        }),
      ],
    },
    {
      name: "Retained",
      about: "What stays although the person asked, why the law says so, and from when it can go.",
      tab: "warn",
      blocks: [
        table("retained", {
          empty: "This run retained nothing.",
          columns: [
            { header: "Store", width: 16, format: "text", of: (row) => row.store },
            { header: "Table", width: 32, format: "text", of: (row) => row.table },
            { header: "Rows", width: 11, format: "count", of: (row) => row.rows },
            { header: "Requests", width: 11, format: "count", of: (row) => row.requests },
            { header: "Legal basis", width: 44, format: "wrapped", of: (row) => row.basis },
            { header: "First erasable", width: 14, format: "date", of: (row) => row.until?.first ?? null },
            { header: "Last erasable", width: 14, format: "date", of: (row) => row.until?.last ?? null },
            { header: "Art. 17(3)", width: 11, format: "state", of: (row) => row.exception },
          ],
        }),
        table("revisions", {
          title: "Retention classes that have changed: what is kept already follows them",
          empty: "No retention class has changed.",
          columns: [
            { header: "Store", width: 16, format: "text", of: (row) => row.store },
            { header: "Table", width: 32, format: "text", of: (row) => row.table },
            { header: "Requests", width: 11, format: "count", of: (row) => row.requests },
            { header: "Class", width: 11, format: "text", of: (row) => row.is.class },
            { header: "Was", width: 44, format: "wrapped", of: (row) => ruleText(row.was) },
            { header: "Is now", width: 30, format: "wrapped", of: (row) => ruleText(row.is) },
          ],
        }),
        table("decided", {
          title: "What the approvals of the listed requests leave in place, whether or not there is any of it",
          empty: "No approval leaves anything in place by an exception of Art. 17(3) GDPR.",
          columns: [
            { header: "Store", width: 16, format: "text", of: (row) => row.store },
            { header: "Table", width: 32, format: "text", of: (row) => row.table },
            { header: "Art. 17(3)", width: 11, format: "state", of: (row) => row.exception },
            { header: "Requests", width: 11, format: "count", of: (row) => row.requests },
            { header: "Legal basis", width: 44, format: "wrapped", of: (row) => row.basis },
            { header: "Class", width: 14, format: "text", of: (row) => row.class },
          ],
        }),
      ],
    },
    expirySheet,
    holdsSheet,
    staysSheet,
    remediesSheet,
    figuresSheet,
    analyticsSheet,
    recipientsSheet,
    backupCalendarSheet,
    backupsSheet,
    exceptionsSheet,
    {
      name: "Policy & ledger",
      about: "What this report rests on, and what it does not claim.",
      tab: "muted",
      blocks: [
        table("evidence", {
          title: "Evidence",
          empty: "",
          columns: [
            { header: "What", width: 34, format: "text", of: (row) => row.name },
            { header: "Value", width: 72, format: "wrapped", of: (row) => row.value },
          ],
        }),
        table("policies", {
          title: "Policies",
          empty: "The run recorded no policy.",
          columns: [
            { header: "Store", width: 34, format: "text", of: (row) => row.store },
            { header: "Digest (SHA-256)", width: 72, format: "code", of: (row) => row.digest },
            { header: "Policy", width: 18, format: "text", of: (row) => row.name },
            { header: "Version", width: 10, format: "count", of: (row) => row.version },
          ],
        }),
        table("runs", {
          title: "Runs",
          empty: "",
          main: true,
          columns: [
            { header: "Run", width: 34, format: "code", of: (row) => row.id },
            { header: "Program", width: 72, format: "text", of: (row) => row.tool },
            { header: "Job", width: 18, format: "text", of: (row) => row.job },
            { header: "Outcome", width: 12, format: "state", of: (row) => row.outcome },
            { header: "Started", width: 17, format: "instant", of: (row) => row.started },
            { header: "Ended", width: 17, format: "instant", of: (row) => row.ended },
          ],
        }),
        table("limits", {
          title: "Limits",
          empty: "",
          columns: [
            { header: "Code", width: 34, format: "code", of: (row) => row.code },
            { header: "What this report does not say", width: 72, format: "wrapped", of: (row) => row.text },
          ],
        }),
      ],
    },
  ],
};
