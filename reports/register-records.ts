import { registerTable, type RegisterSource } from "#register/register-source.ts";
import type { TableSheet } from "#report/workbook-definition.ts";

export const dispositionsSheet: TableSheet<RegisterSource> = {
  name: "Dispositions",
  about:
    "What became of the records of each request, table by table: rows that changed or stay, and rows spared because a live person uses them too.",
  tab: "good",
  blocks: [
    registerTable("dispositions", {
      empty: "No records have changed.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Table", width: 32, format: "text", of: (row) => row.table },
        { header: "Treatment", width: 13, format: "treatment", of: (row) => row.treatment },
        { header: "Rows", width: 11, format: "count", of: (row) => row.rows },
        { header: "Spared", width: 10, format: "count", of: (row) => row.spared },
        { header: "Legal basis", width: 34, format: "text", of: (row) => row.basis },
        { header: "First erasable", width: 13, format: "date", of: (row) => row.first },
        { header: "Last erasable", width: 13, format: "date", of: (row) => row.last },
        { header: "Art. 17(3)", width: 9, format: "state", of: (row) => row.exception },
        { header: "Restricted", width: 11, format: "text", of: (row) => (row.restricted ? "restricted" : null) },
        { header: "No date", width: 9, format: "count", of: (row) => (row.undated === 0 ? null : row.undated) },
        { header: "Over since", width: 12, format: "date", of: (row) => row.endedOn },
        { header: "Then", width: 13, format: "treatment", of: (row) => row.endedAs },
        { header: "Run", width: 26, format: "code", of: (row) => row.run },
      ],
    }),
  ],
};

export const staysSheet: TableSheet<RegisterSource> = {
  name: "What stays",
  about:
    "Personal data that the policy leaves on purpose, request by request: where, in how many rows, why and until when.",
  tab: "warn",
  blocks: [
    registerTable("stays", {
      empty: "No personal data is left on purpose.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Outcome there", width: 18, format: "state", of: (row) => row.outcome },
        { header: "Table", width: 28, format: "text", of: (row) => row.table },
        { header: "Column", width: 26, format: "text", of: (row) => row.column },
        { header: "Rows", width: 11, format: "count", of: (row) => row.rows },
        { header: "Why", width: 52, format: "wrapped", of: (row) => row.why },
        { header: "Until", width: 13, format: "until", of: (row) => row.until ?? "no date set" },
      ],
    }),
  ],
};

export const recipientsSheet: TableSheet<RegisterSource> = {
  name: "Recipients",
  about:
    "What others have to do (Art. 17(2), 19), as somebody has said of it. By which name they know a record stands in no register.",
  tab: "accent",
  blocks: [
    registerTable("tasks", {
      empty: "No recipient has anything to do.",
      columns: [
        { header: "Task no.", width: 10, format: "count", of: (row) => row.task },
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Recipient", width: 30, format: "text", of: (row) => row.recipient },
        { header: "Task", width: 30, format: "text", of: (row) => row.what },
        { header: "State", width: 12, format: "state", of: (row) => row.state },
        { header: "Recorded", width: 17, format: "instant", of: (row) => row.recorded },
        { header: "Settled", width: 17, format: "instant", of: (row) => row.settled },
      ],
    }),
  ],
};

export const copiesSheet: TableSheet<RegisterSource> = {
  name: "Copies",
  about:
    "Encrypted copies of what was erased, as they were written. Lethe cannot read them and never deletes one: whether a copy is still there is yours to know.",
  tab: "muted",
  blocks: [
    registerTable("copies", {
      empty: "No copy was made before an erasure.",
      columns: [
        { header: "Reference", width: 18, format: "code", of: (row) => row.ref },
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "File", width: 40, format: "code", of: (row) => row.file },
        { header: "Written", width: 17, format: "instant", of: (row) => row.at },
        { header: "Rows", width: 11, format: "count", of: (row) => row.rows },
        { header: "Size", width: 14, format: "bytes", of: (row) => row.bytes },
        { header: "Keys that open it", width: 11, format: "count", of: (row) => row.keys },
        { header: "SHA-256", width: 66, format: "code", of: (row) => row.sha256 },
      ],
    }),
  ],
};
