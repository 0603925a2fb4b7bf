import { figure } from "#lib/figure.ts";
import type { RunSummary } from "#records/run.ts";
import { cut, plural, type Line } from "#report/summary-words.ts";

const words = { erase: "gone", anonymise: "anonymised" } as const;

/** What went because its time was over, whoever it was about. */
export const expiryLines = ({ expired }: RunSummary, inner: number): Line[] => {
  if (expired.length === 0) return [];
  const several = new Set(expired.map(({ store }) => store)).size > 1;
  const nameOf = ({ store, table }: RunSummary["expired"][number]): string => (several ? `${store}: ${table}` : table);
  const room = Math.min(Math.max(8, inner - 40), Math.max(...expired.map((row) => [...nameOf(row)].length)));
  return [
    [{ text: `Past their period, in ${plural(expired.length, "table")}`, colour: "bold" }],
    ...expired.map((row): Line => [
      { text: `  ${cut(nameOf(row), room).padEnd(room)}  ` },
      { text: words[row.treatment].padEnd(10), colour: row.treatment === "erase" ? "green" : "cyan" },
      { text: figure(row.rows).padStart(12) },
    ]),
  ];
};

/** Statements of one table that are listed; more stand in the report. */
const shown = 5;

/** Below the box, where a statement can be copied. */
export const indexNotes = ({ indexes }: RunSummary): readonly string[] =>
  indexes
    .flatMap(({ store, table, proposal }) => [
      `No index finds the old rows of ${table} in ${store}: every night reads the whole table. To make one:`,
      ...proposal.slice(0, shown).map((statement) => `  ${statement}`),
      ...(proposal.length > shown ? [`  … and ${proposal.length - shown} more: see \`lethe policy check\``] : []),
    ])
    .map((line) => cut(line, line.length));
