import { outcomeOf, requestStates } from "#records/request.ts";
import { registerTable, type ReconciliationRow, type RegisterSource } from "#register/register-source.ts";
import type { TableSheet } from "#report/workbook-definition.ts";

const statesOf = (what: ReconciliationRow["what"]): string =>
  what === "received" ? "all of them" : requestStates.filter((state) => outcomeOf(state) === what).join(", ");

export const rulesSheet: TableSheet<RegisterSource> = {
  name: "Time limits",
  about:
    "The policies in force, table by table: what becomes of a person's rows, how long a statute holds them and why (Art. 30(1)(f)).",
  tab: "muted",
  blocks: [
    registerTable("rules", {
      empty: "No store is configured.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Table", width: 32, format: "text", of: (row) => row.table },
        { header: "Treatment", width: 13, format: "treatment", of: (row) => row.treatment },
        { header: "Kept for", width: 14, format: "text", of: (row) => row.period },
        { header: "Counted from", width: 40, format: "wrapped", of: (row) => row.from },
        { header: "Legal basis", width: 34, format: "text", of: (row) => row.basis },
        { header: "Exception Art. 17(3)", width: 11, format: "state", of: (row) => row.exception },
        { header: "Why", width: 44, format: "wrapped", of: (row) => row.why },
        { header: "Without a request", width: 44, format: "wrapped", of: (row) => row.expiry },
      ],
    }),
  ],
};

export const evidenceSheet: TableSheet<RegisterSource> = {
  name: "Evidence",
  about:
    "What this register rests on: whether its rows are the requests on record, the policies, and the head of the ledger.",
  tab: "muted",
  blocks: [
    registerTable("reconciliation", {
      title: "Reconciliation: received = done + refused + withdrawn + pending + failed",
      empty: "",
      columns: [
        { header: "Requests", width: 34, format: "text", of: (row) => row.what },
        { header: "By their state", width: 66, format: "wrapped", of: (row) => statesOf(row.what) },
        { header: "On record", width: 24, format: "count", of: (row) => row.counted },
        { header: "Rows of Requests", width: 14, format: "count", of: (row) => row.written },
        { header: "Received, by the ledger", width: 16, format: "count", of: (row) => row.entered },
        { header: "Equal", width: 12, format: "check", of: (row) => row.equal },
      ],
    }),
    registerTable("policies", {
      title: "Policies, as runs recorded them when they began",
      empty: "No store is configured, and no run has begun.",
      columns: [
        { header: "Store", width: 34, format: "text", of: (row) => row.store },
        { header: "Digest (SHA-256)", width: 66, format: "code", of: (row) => row.digest },
        { header: "Policy", width: 24, format: "text", of: (row) => row.name },
        { header: "Version", width: 14, format: "count", of: (row) => row.version },
        { header: "Now", width: 16, format: "state", of: (row) => (row.inForce ? "in force" : "changed since") },
        { header: "Effective", width: 12, format: "date", of: (row) => row.effective },
        { header: "Owner", width: 28, format: "text", of: (row) => row.owner },
        { header: "First run", width: 17, format: "instant", of: (row) => row.first },
        { header: "Last run", width: 17, format: "instant", of: (row) => row.last },
      ],
    }),
    registerTable("facts", {
      title: "Evidence",
      empty: "",
      columns: [
        { header: "What", width: 34, format: "text", of: (row) => row.name },
        { header: "Value", width: 66, format: "wrapped", of: (row) => row.value },
      ],
    }),
  ],
};
