import type { ReportSource } from "#report/report-source.ts";
import { block, table, type TableSheet } from "#report/workbook-definition.ts";

async function* cleaned({ rows }: ReportSource) {
  for await (const residual of rows.residuals()) if (!residual.open) yield residual;
}

export const exceptionsSheet: TableSheet = {
  name: "Exceptions",
  about: "What a person has to do, the urgent first.",
  tab: "bad",
  blocks: [
    table("exceptions", {
      empty: "Nothing: everything went as it should.",
      columns: [
        { header: "What", width: 22, format: "kind", of: (row) => row.what },
        { header: "Name", width: 28, format: "code", of: (row) => row.name },
        { header: "Due", width: 12, format: "date", of: (row) => row.due },
        { header: "Code", width: 36, format: "code", of: (row) => row.code },
        { header: "Since", width: 12, format: "date", of: (row) => row.since },
        { header: "Where", width: 38, format: "wrapped", of: (row) => row.place },
        { header: "What to do", width: 58, format: "wrapped", of: (row) => row.todo },
      ],
    }),
  ],
};

/** Of several nights: what one of them found may have been cleaned before the next. */
export const periodExceptionsSheet: TableSheet = {
  ...exceptionsSheet,
  blocks: [
    ...exceptionsSheet.blocks,
    block(cleaned, {
      title: "Found by an earlier search: not there any more, or its request is no longer failed",
      empty: "None.",
      columns: [
        { header: "Store", width: 22, format: "text", of: (row) => row.store },
        { header: "Request", width: 28, format: "code", of: (row) => row.ref },
        { header: "Rows", width: 12, format: "count", of: (row) => row.rows },
        { header: "Where it was", width: 36, format: "text", of: (row) => `${row.table}.${row.column}` },
      ],
    }),
  ],
};
