import { table } from "#cli/table.ts";
import type { RunSummary } from "#records/run.ts";

const number = new Intl.NumberFormat("en-GB");

const endings = {
  done: "done",
  attention: "ended; something needs a person",
  stopped: "stopped on request; the next run goes on from here",
} as const satisfies Record<RunSummary["outcome"], string>;

/** What a run did, on one screen. */
export const runScreen = (summary: RunSummary, width?: number): string => {
  const facts: readonly (readonly [string, string])[] = [
    ["run", `${summary.run}  ${endings[summary.outcome]}`],
    ["requests", requestLine(summary.requests)],
    ["", `of the pending, ${count(summary.requests.blocked)} blocked and ${count(summary.requests.overdue)} overdue`],
    ["backups", backupLine(summary.backups)],
    ["residuals", summary.residuals === 0 ? "none found" : `${count(summary.residuals)} found after erasure`],
    ...(summary.report === null ? [] : [["report", summary.report] as const]),
  ];
  const lines = facts.map(([label, fact]) => `${label.padEnd(11)}${fact}`);
  return summary.steps.length === 0 ? lines.join("\n") : `${lines.join("\n")}\n\n${stepTable(summary.steps, width)}`;
};

const count = (value: number): string => number.format(value);

const requestLine = (requests: RunSummary["requests"]): string =>
  `${count(requests.received)} received = ${count(requests.done)} done + ${count(requests.refused)} refused + ` +
  `${count(requests.withdrawn)} withdrawn + ${count(requests.pending)} pending + ${count(requests.failed)} failed`;

const backupLine = ({ purged, kept, oldest, exceptions }: RunSummary["backups"]): string =>
  [
    `${count(purged)} purged`,
    `${count(kept)} kept`,
    ...(oldest === null ? [] : [`oldest of ${oldest}`]),
    ...(exceptions === 0 ? [] : [`${count(exceptions)} exceptions`]),
  ].join(", ");

const stepTable = (steps: RunSummary["steps"], width: number | undefined): string => {
  const spared = steps.some((step) => step.spared > 0);
  const rows = steps.map((step) => [
    step.store,
    step.table,
    step.treatment,
    count(step.rows),
    ...(spared ? [step.spared === 0 ? "" : count(step.spared)] : []),
  ]);
  const columns = [
    { title: "store" },
    { title: "table" },
    { title: "treatment" },
    { title: "rows", align: "right" as const },
    ...(spared ? [{ title: "spared", align: "right" as const }] : []),
  ];
  return width === undefined ? table(rows, columns) : table(rows, columns, width);
};
