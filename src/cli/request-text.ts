import { table } from "#cli/table.ts";
import type { ImportResult } from "#intake/import-result.ts";
import type { Added, RequestLine } from "#intake/requests.ts";

export const addedText = ({ ref, repeated }: Added): string =>
  repeated ? `${ref}: joined the person's open request` : `${ref}: received`;

export const importText = ({ already, rows, accepted, repeated, rejectedCount, rejected }: ImportResult): string => {
  const before = already ? "imported before, nothing changed: " : "";
  const counts = `${before}${rows} rows: ${accepted} accepted, ${repeated} joined open requests, ${rejectedCount} rejected`;
  if (rejectedCount === 0) return counts;
  const listed = table(
    rejected.map(({ line, code, reason }) => [line, code, reason]),
    [{ title: "line", align: "right" }, { title: "code" }, { title: "reason" }],
  );
  const more = rejectedCount > rejected.length ? `\n… and ${rejectedCount - rejected.length} more` : "";
  return `${counts}\n\n${listed}${more}`;
};

export const listText = (requests: readonly RequestLine[]): string =>
  requests.length === 0
    ? "no requests"
    : table(
        requests.map(({ ref, state, received, due, daysLeft, code, scheduledFor }) => [
          ref,
          state,
          received,
          due,
          daysLeft ?? "",
          state === "scheduled" ? `due ${scheduledFor ?? "unknown"}` : (code ?? ""),
        ]),
        [
          { title: "reference" },
          { title: "state" },
          { title: "received" },
          { title: "due" },
          { title: "days left", align: "right" },
          { title: "code, or when" },
        ],
      );
