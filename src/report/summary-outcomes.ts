import type { RunSummary } from "#records/run.ts";
import { figure, grouped } from "#lib/figure.ts";
import { outcomes, type Outcome } from "#records/treatment.ts";
import { cut, plural, type Colour, type Line } from "#report/summary-words.ts";

const colours: Readonly<Record<Outcome, Colour>> = {
  erased: "green",
  anonymised: "cyan",
  retained: "yellow",
  archived_with_pii: "yellow",
  scheduled: "cyan",
  blocked: "yellow",
  failed: "red",
};

/** What became of the persons, and plainly whose data stays. */
export const outcomeLines = ({ outcomes: counts, stays }: RunSummary): Line[] => {
  const present = outcomes.filter((outcome) => counts[outcome] > 0);
  if (present.length === 0 && stays.columns === 0) return [];
  const largest = Math.max(1, ...present.map((outcome) => counts[outcome]));
  const bars = present.map((outcome): Line => [
    { text: `  ${outcome.padEnd(18)}${figure(counts[outcome]).padStart(8)}  ` },
    { text: "█".repeat(Math.max(1, Math.round((18 * counts[outcome]) / largest))), colour: colours[outcome] },
  ]);
  return [[{ text: "Outcomes, in requests", colour: "bold" }], ...bars, ...stayLines(counts.archived_with_pii, stays)];
};

const stayLines = (left: number, { columns, tables }: RunSummary["stays"]): Line[] => [
  ...(left === 0
    ? []
    : [[{ text: `! ${plural(left, "request")} left personal data: archived_with_pii`, colour: "yellow" as const }]]),
  ...(columns === 0
    ? []
    : [[{ text: `  Personal data stays in ${plural(columns, "column")} of ${plural(tables, "table")}` }]]),
];

/** Figures of the business side by side; more than these stand in the report. */
const shown = 8;

export const figureLines = ({ figures }: RunSummary, inner: number): Line[] => {
  if (figures.length === 0) return [];
  const several = new Set(figures.map(({ store }) => store)).size > 1;
  const nameOf = ({ store, figure: name }: RunSummary["figures"][number]): string =>
    several ? `${store}: ${name}` : name;
  const listed = figures.slice(0, shown);
  const room = Math.min(Math.max(8, inner - 46), Math.max(...listed.map((row) => [...nameOf(row)].length)));
  const lines = listed.map((row): Line => [
    {
      text: `  ${cut(nameOf(row), room).padEnd(room)}  ${grouped(row.before).padStart(14)} → ${grouped(row.after).padStart(14)}  `,
    },
    row.equal ? { text: "equal", colour: "green" } : { text: signed(row.change), colour: "cyan" },
  ]);
  const more = figures.length - listed.length;
  return [
    [{ text: "Figures, before → after, and what this run changed", colour: "bold" }],
    ...lines,
    ...(more === 0 ? [] : [[{ text: `  … and ${more} more`, colour: "dim" as const }]]),
  ];
};

const signed = (change: string): string => (change.startsWith("-") ? grouped(change) : `+${grouped(change)}`);

export const taskLines = ({ open, done, failed }: RunSummary["tasks"]): Line[] => {
  if (open + done + failed === 0) return [];
  return [
    [
      { text: "Recipients    ", colour: "bold" },
      { text: `${plural(open, "task")} open, ${figure(done)} done` },
      ...(failed === 0 ? [] : [{ text: `, ${figure(failed)} failed`, colour: "red" as const }]),
    ],
  ];
};
