import { registerTable, type RegisterSource } from "#register/register-source.ts";
import type { TableSheet } from "#report/workbook-definition.ts";

const answer = "Answer the person today, and record why it is late.";

/** Named by reference, whatever else the workbook says (I9). */
export const overdueSheet: TableSheet<RegisterSource> = {
  name: "Overdue",
  about:
    "Every open request past its due date, the longest first. Those that have failed count as failed, not as overdue: the person waits all the same.",
  tab: "bad",
  blocks: [
    registerTable("overdue", {
      empty: "Nothing is overdue.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Counts as", width: 12, format: "state", of: (row) => row.outcome },
        { header: "State", width: 12, format: "state", of: (row) => row.state },
        { header: "Received", width: 12, format: "date", of: (row) => row.received },
        { header: "Due", width: 12, format: "date", of: (row) => row.due },
        { header: "Days", width: 10, format: "days", of: (row) => -row.daysLate },
        { header: "Code", width: 36, format: "code", of: (row) => row.code },
        { header: "What to do", width: 70, format: "wrapped", of: (row) => row.hint ?? answer },
      ],
    }),
  ],
};

export const requestsSheet: TableSheet<RegisterSource> = {
  name: "Requests",
  about:
    "Every request, in the order in which they came. In time: done, or refused, by the due date; when the person was told of it is not on record.",
  tab: "accent",
  frozenColumns: 1,
  blocks: [
    registerTable("requests", {
      empty: "No request is on record.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "State", width: 12, format: "state", of: (row) => row.state },
        { header: "Counts as", width: 12, format: "state", of: (row) => row.outcome },
        { header: "Received", width: 12, format: "date", of: (row) => row.received },
        { header: "Due", width: 12, format: "date", of: (row) => row.due },
        { header: "Days", width: 10, format: "days", of: (row) => row.daysLeft },
        { header: "Due by", width: 24, format: "text", of: (row) => row.basis },
        { header: "Regime", width: 9, format: "text", of: (row) => row.regime },
        { header: "Ground Art. 17(1)", width: 11, format: "state", of: (row) => row.ground },
        { header: "Purpose", width: 14, format: "text", of: (row) => row.purpose },
        { header: "Asked again", width: 9, format: "count", of: (row) => row.repeats },
        { header: "Approved", width: 17, format: "instant", of: (row) => row.approved },
        { header: "Approved by", width: 20, format: "text", of: (row) => row.approvedBy },
        { header: "Plan (SHA-256)", width: 20, format: "code", of: (row) => row.plan && `${row.plan.slice(0, 16)}…` },
        { header: "Refused because", width: 20, format: "text", of: (row) => row.reason },
        { header: "Scheduled for", width: 17, format: "instant", of: (row) => row.scheduledFor },
        { header: "Code", width: 33, format: "code", of: (row) => row.code },
        { header: "Since", width: 17, format: "instant", of: (row) => row.codeSince },
        { header: "What to do", width: 48, format: "wrapped", of: (row) => row.hint },
        { header: "Outcome by store", width: 24, format: "wrapped", of: (row) => row.outcomes },
        { header: "Erased", width: 17, format: "instant", of: (row) => row.erased },
        { header: "Backups clear on", width: 12, format: "date", of: (row) => row.backupsClearOn },
        { header: "Completed", width: 17, format: "instant", of: (row) => row.completed },
        { header: "Ended", width: 17, format: "instant", of: (row) => row.ended },
        { header: "In time", width: 8, format: "check", of: (row) => row.inTime },
      ],
    }),
  ],
};

export const clocksSheet: TableSheet<RegisterSource> = {
  name: "Clocks",
  about:
    "What runs for each request, the next due first. A check of identity stops no clock that one may rely on: both days are shown.",
  tab: "warn",
  frozenColumns: 1,
  blocks: [
    registerTable("clocks", {
      empty: "No request is on record.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "State", width: 12, format: "state", of: (row) => row.state },
        { header: "Regime", width: 9, format: "text", of: (row) => row.regime },
        { header: "Received", width: 12, format: "date", of: (row) => row.received },
        { header: "Due", width: 12, format: "date", of: (row) => row.due },
        { header: "Days", width: 10, format: "days", of: (row) => row.daysLeft },
        { header: "Due by", width: 24, format: "text", of: (row) => row.basis },
        { header: "Confirm receipt by", width: 12, format: "date", of: (row) => row.confirmBy },
        { header: "Confirmed on", width: 12, format: "date", of: (row) => row.confirmedOn },
        { header: "Identity asked", width: 12, format: "date", of: (row) => row.asked },
        { header: "Identity proven", width: 12, format: "date", of: (row) => row.proven },
        { header: "Due without those days", width: 13, format: "date", of: (row) => row.dueIfPaused },
        { header: "Extended because", width: 20, format: "text", of: (row) => row.extension },
        { header: "Person told on", width: 12, format: "date", of: (row) => row.noticed },
        { header: "Was due on", width: 12, format: "date", of: (row) => row.dueBefore },
        { header: "Ended", width: 17, format: "instant", of: (row) => row.ended },
        { header: "In time", width: 8, format: "check", of: (row) => row.inTime },
      ],
    }),
  ],
};
