import { table } from "#cli/table.ts";
import type { ImportResult } from "#intake/import-result.ts";
import type { Added, RequestLine } from "#intake/requests.ts";
import type { LateRefusal } from "#records/request.ts";

export const addedText = ({ ref, repeated }: Added): string =>
  repeated ? `${ref}: joined the person's open request` : `${ref}: received`;

/** Of a refusal: how late it is, and by which rule. */
export const lateText = ({ due, basis, days }: LateRefusal): string =>
  `${days} ${days === 1 ? "day" : "days"} after ${due}, by when the person had to be told why (${basis})`;

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
