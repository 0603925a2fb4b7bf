import type { ExpiryRestItem } from "#report/retention-document.ts";
import type { TableSheet } from "#report/workbook-definition.ts";
import { table } from "#report/workbook-definition.ts";

/** The statements themselves, for whoever may run them. */
const indexWords = ({ indexed, proposal }: ExpiryRestItem): string => {
  if (indexed) return "there is one";
  return proposal.length === 0 ? "none; the table is small" : `missing: ${proposal.join(" ")}`;
};

/** Storage limitation: what went because its time was over, and what is due and stays. */
export const expirySheet: TableSheet = {
  name: "Expired",
  about:
    "Records whose period was over and that went, with or without a request; and what a search afterwards found still there.",
  tab: "good",
  blocks: [
    table("expired", {
      title: "Gone because their time was over",
      empty: "No record's time was over.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Table", width: 32, format: "text", of: (row) => row.table },
        { header: "Treatment", width: 13, format: "treatment", of: (row) => row.treatment },
        { header: "Rows", width: 12, format: "count", of: (row) => row.rows },
        { header: "Basis", width: 44, format: "wrapped", of: (row) => row.basis },
        { header: "Class", width: 16, format: "text", of: (row) => row.class },
        { header: "Due through", width: 13, format: "date", of: (row) => row.through },
        { header: "Oldest", width: 13, format: "date", of: (row) => row.first },
        { header: "Newest", width: 13, format: "date", of: (row) => row.last },
      ],
    }),
    table("ended", {
      title: "Retained of erased people, and over: none of it was found any more",
      empty: "Of what is retained of erased people no period was over.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Table", width: 32, format: "text", of: (row) => row.table },
        { header: "Became", width: 13, format: "treatment", of: (row) => row.as },
        { header: "Rows", width: 12, format: "count", of: (row) => row.rows },
        { header: "Basis", width: 44, format: "wrapped", of: (row) => row.basis },
        { header: "Requests", width: 14, format: "count", of: (row) => row.requests },
        { header: "Nothing left", width: 13, format: "count", of: (row) => row.complete },
      ],
    }),
    table("expiryRest", {
      title: "Still there when it was searched",
      empty: "No table's rows expire.",
      columns: [
        { header: "Store", width: 16, format: "text", of: (row) => row.store },
        { header: "Table", width: 32, format: "text", of: (row) => row.table },
        { header: "Due, waiting", width: 13, format: "count", of: (row) => row.waiting },
        { header: "No clock, kept", width: 12, format: "count", of: (row) => row.withoutClock },
        { header: "Index on the clock", width: 60, format: "wrapped", of: indexWords },
      ],
    }),
  ],
};
