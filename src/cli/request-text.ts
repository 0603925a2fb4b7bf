import { table } from "#cli/table.ts";
import type { ImportResult } from "#intake/import-result.ts";
import type { Added, RequestLine } from "#intake/requests.ts";
import type { RequestView } from "#intake/show.ts";

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
        requests.map(({ ref, state, received, due, daysLeft, code }) => [
          ref,
          state,
          received,
          due,
          daysLeft ?? "",
          code ?? "",
        ]),
        [
          { title: "reference" },
          { title: "state" },
          { title: "received" },
          { title: "due" },
          { title: "days left", align: "right" },
          { title: "code" },
        ],
      );

export const showText = (view: RequestView): string => {
  const facts: (readonly [string, string | null])[] = [
    ["request", view.ref],
    ["state", view.state],
    ["received", view.received],
    ["due", `${view.due}${view.daysLeft === null ? "" : ` (${view.daysLeft} days left)`}, ${view.basis}`],
    ["ground", view.ground === null ? null : `Art. 17(1)(${view.ground})`],
    ["asked again", view.repeats === 0 ? null : `${view.repeats} times`],
    [
      "approved",
      view.approved && `${view.approved.at} by ${view.approved.by}, plan ${view.approved.plan ?? "unknown"}`,
    ],
    ["reason", view.reason],
    ["code", view.code && `${view.code} since ${view.codeSince ?? "unknown"}`],
    [
      "detail",
      view.detail &&
        Object.entries(view.detail)
          .map(([name, value]) => `${name} ${typeof value === "object" ? value.join(", ") : value}`)
          .join(", "),
    ],
    // Not in a table, which a narrow terminal would cut: a digest is for comparing.
    ...view.exports.flatMap(({ file, rows, at, sha256 }): [string, string][] => [
      ["exported", `${file}, ${rows} rows, ${at}`],
      ["sha256", sha256],
    ]),
    ["erased", view.erasedAt],
    ["backups clear", view.backupsClearOn],
    ["completed", view.completedAt],
  ];
  const parts = [facts.flatMap(([label, fact]) => (fact === null ? [] : [`${label.padEnd(15)}${fact}`])).join("\n")];
  if (view.dispositions.length > 0) parts.push(dispositionTable(view.dispositions));
  const history = view.history.map(({ at, kind, index }) => [at, kind, index]);
  parts.push(table(history, [{ title: "when" }, { title: "what" }, { title: "entry", align: "right" }]));
  return parts.join("\n\n");
};

const dispositionTable = (dispositions: RequestView["dispositions"]): string =>
  table(
    dispositions.map(({ store, table: name, treatment, rows, spared, basis, until }) => [
      `${store}.${name}`,
      treatment,
      rows,
      spared,
      basis ?? "",
      until ?? "",
    ]),
    [
      { title: "table" },
      { title: "treatment" },
      { title: "rows", align: "right" },
      { title: "spared", align: "right" },
      { title: "basis" },
      { title: "until" },
    ],
  );
