import { jsonChunks } from "#report/json-chunks.ts";
import { reportType } from "#report/report-document.ts";
import type { ReportSource } from "#report/report-source.ts";

/** `report.json` as text chunks, in the order of `reportDocument`; ends with a line feed. */
export async function* renderJson({ head, rows }: ReportSource): AsyncGenerator<string> {
  yield* jsonChunks({
    type: reportType,
    readAt: head.readAt,
    controller: head.controller,
    run: head.run,
    period: head.period,
    runs: head.runs,
    policies: head.policies,
    requests: { ...head.requests, overdue: rows.overdue(), warnings: rows.warnings(), items: rows.requests() },
    dispositions: rows.dispositions(),
    retained: rows.retained(),
    revisions: head.revisions,
    expiry: head.expiry,
    holds: head.holds,
    outcomes: { ...head.outcomes, items: rows.outcomes() },
    stays: { ...head.stays, items: rows.stays() },
    remedied: { ...head.remedied, items: rows.remedied() },
    figures: head.figures,
    tasks: head.tasks,
    analytics: { conserved: rows.conserved(), late: rows.late(), anonymity: rows.anonymity() },
    backups: head.backups,
    restores: head.restores,
    failures: rows.failures(),
    blocks: rows.blocks(),
    residuals: rows.residuals(),
    ledger: head.ledger,
    signature: head.signature,
    limits: head.limits,
    exceptionLists: head.exceptionLists,
  });
  yield "\n";
}
