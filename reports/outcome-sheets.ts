import { table, type TableSheet } from "#report/workbook-definition.ts";

const noDate = "no date set";

/** What has become of each person in each store. */
export const outcomesSheet: TableSheet = {
  name: "Outcomes",
  about:
    "What has become of each request in each store: what this run declared done, and what waits or has failed. archived_with_pii left personal data.",
  tab: "good",
  blocks: [
    table("outcomes", {
      empty: "Nothing was declared done, and nothing waits.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Outcome", width: 18, format: "state", of: (row) => row.outcome },
        { header: "Since", width: 17, format: "instant", of: (row) => row.at },
        { header: "Columns left", width: 11, format: "count", of: (row) => row.left },
        {
          header: "Left until",
          width: 13,
          format: "until",
          of: (row) => (row.left === null || row.left === 0 ? null : (row.until ?? noDate)),
        },
        { header: "Scheduled for", width: 17, format: "instant", of: (row) => row.scheduledFor },
        { header: "Codes", width: 48, format: "wrapped", of: (row) => row.codes.join(", ") || null },
      ],
    }),
  ],
};

export const staysSheet: TableSheet = {
  name: "What stays",
  about:
    "Personal data that the policy leaves on purpose: where, in how many rows, why and until when. Request by request: report.json.",
  tab: "warn",
  blocks: [
    table("places", {
      empty: "The policy leaves no personal data on purpose.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Table", width: 28, format: "text", of: (row) => row.table },
        { header: "Column", width: 26, format: "text", of: (row) => row.column },
        { header: "Rows", width: 11, format: "count", of: (row) => row.rows },
        { header: "Requests", width: 11, format: "count", of: (row) => row.requests },
        { header: "Why", width: 52, format: "wrapped", of: (row) => row.why },
        { header: "Until", width: 13, format: "until", of: (row) => row.until ?? noDate },
      ],
    }),
  ],
};

export const remediesSheet: TableSheet = {
  name: "Remedies",
  about: "What this run did about rows that would have stopped a request. Request by request: report.json.",
  tab: "accent",
  blocks: [
    table("remedyTotals", {
      empty: "Nothing had to be remedied.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Code", width: 42, format: "code", of: (row) => row.code },
        { header: "Table", width: 28, format: "text", of: (row) => row.table },
        { header: "Done", width: 12, format: "text", of: (row) => row.action },
        { header: "Rows", width: 11, format: "count", of: (row) => row.rows },
        { header: "Requests", width: 11, format: "count", of: (row) => row.requests },
      ],
    }),
  ],
};

export const figuresSheet: TableSheet = {
  name: "Figures",
  about:
    "Figures of the business before the first and after the last change. Change: what Lethe changed. Meanwhile: what others wrote in between.",
  tab: "accent",
  blocks: [
    table("figures", {
      empty: "The policy names no figure, or this run changed nothing.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Figure", width: 30, format: "text", of: (row) => row.figure },
        { header: "Before", width: 18, format: "total", of: (row) => row.before },
        { header: "After", width: 18, format: "total", of: (row) => row.after },
        { header: "Change", width: 16, format: "total", of: (row) => row.change },
        { header: "Meanwhile", width: 16, format: "total", of: (row) => row.meanwhile },
        { header: "By Lethe", width: 12, format: "state", of: (row) => (row.equal ? "equal" : "changed") },
      ],
    }),
  ],
};

export const recipientsSheet: TableSheet = {
  name: "Recipients",
  about: "What others have to do, as somebody has said of it. By which name they know a record stands in no report.",
  tab: "accent",
  blocks: [
    table("tasks", {
      empty: "The policy names no recipient, or none has anything to do.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Recipient", width: 30, format: "text", of: (row) => row.recipient },
        { header: "Task", width: 30, format: "text", of: (row) => row.task },
        { header: "Open", width: 11, format: "count", of: (row) => row.open },
        { header: "Done", width: 11, format: "count", of: (row) => row.done },
        { header: "Failed", width: 11, format: "count", of: (row) => row.failed },
        { header: "Oldest open", width: 17, format: "instant", of: (row) => row.oldestOpen },
      ],
    }),
  ],
};
