import type { HoldItem } from "#report/retention-document.ts";
import type { TableSheet } from "#report/workbook-definition.ts";
import { table } from "#report/workbook-definition.ts";

const onOf = ({ kind, ref }: HoldItem): string | null => {
  if (kind === "request") return ref;
  return kind === "rows" ? "rows" : "a person";
};

/** What a court, an authority or a claim needs. */
export const holdsSheet: TableSheet = {
  name: "Holds",
  about:
    "Legal holds in force, and those that ended since the run before. What they cover is neither erased nor expires; requests wait for it by their matter.",
  tab: "warn",
  blocks: [
    table("legalHolds", {
      empty: "Nothing is under a legal hold.",
      columns: [
        { header: "Hold", width: 18, format: "code", of: (row) => row.hold },
        { header: "Matter", width: 28, format: "code", of: (row) => row.matter },
        { header: "Why", width: 13, format: "state", of: (row) => row.reason },
        { header: "On", width: 18, format: "text", of: onOf },
        { header: "Table", width: 32, format: "text", of: (row) => row.table && `${row.store}.${row.table}` },
        { header: "From", width: 12, format: "date", of: (row) => row.from },
        { header: "To", width: 12, format: "date", of: (row) => row.to },
        { header: "Placed", width: 17, format: "instant", of: (row) => row.placed },
        { header: "Until", width: 12, format: "date", of: (row) => row.until },
        { header: "Released", width: 17, format: "instant", of: (row) => row.released },
        { header: "Requests waiting", width: 12, format: "count", of: (row) => row.waiting },
      ],
    }),
  ],
};
