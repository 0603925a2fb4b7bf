import { onOf, whatOf } from "#reports/holds-sheet.ts";
import { registerTable, type DecisionEvent, type RegisterSource } from "#register/register-source.ts";
import type { TableSheet } from "#report/workbook-definition.ts";

const decisionWord = (event: DecisionEvent): string => {
  switch (event.kind) {
    case "request.verified":
      return "verified";
    case "request.approved":
      return "approved";
    case "request.reapproval":
      return "approval lapsed";
    case "request.refused":
      return "refused";
    case "request.withdrawn":
      return "withdrawn";
    case "request.held":
      return "held";
    case "request.released":
      return "released";
    case "request.extended":
      return "extended";
    case "request.confirmed":
      return "confirmed";
    case "request.identity":
      return event.step === "asked" ? "identity asked" : "identity proven";
    case "request.reopened":
      return "reopened";
  }
};

/** The day that a decision is about, which may be before the one on which it was recorded. */
const dayOf = (event: DecisionEvent): string | null => {
  if (event.kind === "request.extended") return event.noticed;
  return event.kind === "request.confirmed" || event.kind === "request.identity" ? event.on : null;
};

export const decisionsSheet: TableSheet<RegisterSource> = {
  name: "Decisions",
  about:
    "One row for each entry of the ledger by which somebody decided, or by which a decision lapsed. The ledger names people by a keyed digest.",
  tab: "accent",
  blocks: [
    registerTable("decisions", {
      empty: "Nothing has been decided.",
      columns: [
        { header: "Entry", width: 10, format: "count", of: (row) => row.entry },
        { header: "When", width: 17, format: "instant", of: (row) => row.at },
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Decision", width: 16, format: "state", of: ({ event }) => decisionWord(event) },
        { header: "By (digest)", width: 19, format: "code", of: ({ event }) => ("by" in event ? event.by : null) },
        { header: "By", width: 20, format: "text", of: (row) => row.name },
        {
          header: "Ground Art. 17(1)",
          width: 11,
          format: "state",
          of: ({ event }) => ("ground" in event ? (event.ground ?? null) : null),
        },
        {
          header: "Reason",
          width: 24,
          format: "text",
          of: ({ event }) => ("reason" in event ? event.reason : "code" in event ? event.code : null),
        },
        {
          header: "Art. 17(3)",
          width: 9,
          format: "state",
          of: ({ event }) => ("exception" in event ? (event.exception ?? null) : null),
        },
        {
          header: "Provision",
          width: 24,
          format: "text",
          of: ({ event }) => ("citation" in event ? (event.citation ?? null) : null),
        },
        {
          header: "Days late",
          width: 9,
          format: "count",
          of: ({ event }) => ("late" in event ? (event.late?.days ?? null) : null),
        },
        { header: "Matter", width: 24, format: "code", of: ({ event }) => ("matter" in event ? event.matter : null) },
        { header: "Day", width: 12, format: "date", of: ({ event }) => dayOf(event) },
        {
          header: "Due from then on",
          width: 12,
          format: "date",
          of: ({ event }) => ("due" in event ? event.due : null),
        },
        {
          header: "Plan (SHA-256)",
          width: 66,
          format: "code",
          of: ({ event }) => ("plan" in event ? event.plan : null),
        },
      ],
    }),
  ],
};

export const holdsSheet: TableSheet<RegisterSource> = {
  name: "Holds",
  about:
    "Legal holds on the persons of requests: nothing happens to their data until they are released. Those that stand, then those that ended; below, all holds as they were placed.",
  tab: "warn",
  blocks: [
    registerTable("holds", {
      empty: "Nothing is held, and nothing was.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Matter", width: 28, format: "code", of: (row) => row.matter },
        { header: "Now", width: 12, format: "state", of: (row) => row.status },
        { header: "Held since", width: 17, format: "instant", of: (row) => row.since },
        { header: "Held by", width: 20, format: "text", of: (row) => row.by },
        { header: "Ended", width: 17, format: "instant", of: (row) => row.ended },
        { header: "Ended by", width: 20, format: "text", of: (row) => row.endedBy },
        { header: "Days held", width: 10, format: "count", of: (row) => row.days },
        { header: "Request due", width: 12, format: "date", of: (row) => row.due },
      ],
    }),
    registerTable("matters", {
      title: "All legal holds, as they were placed",
      empty: "No legal hold was ever placed.",
      columns: [
        { header: "Hold", width: 18, format: "code", of: (row) => row.hold },
        { header: "Matter", width: 28, format: "code", of: (row) => row.matter },
        { header: "Why", width: 12, format: "state", of: (row) => row.reason },
        { header: "On", width: 17, format: "text", of: onOf },
        { header: "Table or backups", width: 28, format: "text", of: whatOf },
        { header: "From", width: 12, format: "date", of: (row) => row.from },
        { header: "To", width: 12, format: "date", of: (row) => row.to },
        { header: "Placed", width: 17, format: "instant", of: (row) => row.placed },
        { header: "Placed by", width: 20, format: "text", of: (row) => row.by },
        { header: "Until", width: 12, format: "date", of: (row) => row.until },
        { header: "Released", width: 17, format: "instant", of: (row) => row.released },
        {
          header: "Released by",
          width: 20,
          format: "text",
          of: (row) => row.releasedBy ?? (row.released && "its last day"),
        },
      ],
    }),
  ],
};
