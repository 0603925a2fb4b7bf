import type { HoldItem } from "#report/retention-document.ts";
import type { TableSheet } from "#report/workbook-definition.ts";
import { table } from "#report/workbook-definition.ts";

/** On whom or what it is. */
export const onOf = ({ kind, ref }: Pick<HoldItem, "kind" | "ref">): string | null => {
  if (kind === "request") return ref;
  return kind === "subject" ? "a person" : kind;
};

type What = Pick<HoldItem, "kind" | "store" | "table" | "repository" | "backup">;

/** Of rows and backups: which. */
export const whatOf = ({ kind, store, table: name, repository, backup }: What): string | null => {
  if (kind === "backups") return backup === null ? repository : `${repository}: ${backup}`;
  return name && `${store}.${name}`;
};

/** What a court, an authority or a claim needs. */
export const holdsSheet: TableSheet = {
  name: "Holds",
  about:
    "Legal holds in force, and those that ended since the run before. What they cover is neither erased, nor expires, nor is purged; requests wait for it by their matter.",
  tab: "warn",
  blocks: [
    table("legalHolds", {
      empty: "Nothing is under a legal hold.",
      columns: [
        { header: "Hold", width: 18, format: "code", of: (row) => row.hold },
        { header: "Matter", width: 28, format: "code", of: (row) => row.matter },
        { header: "Why", width: 13, format: "state", of: (row) => row.reason },
        { header: "On", width: 18, format: "text", of: onOf },
        { header: "Table or backups", width: 32, format: "text", of: whatOf },
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
