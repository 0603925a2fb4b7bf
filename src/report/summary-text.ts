import { figure } from "#lib/figure.ts";
import { styleText } from "node:util";
import { Temporal } from "temporal-polyfill";
import { dayIn } from "#lib/clock.ts";
import type { RunSummary } from "#records/run.ts";
import { treatments, type Treatment } from "#records/treatment.ts";
import { figureLines, outcomeLines, taskLines } from "#report/summary-outcomes.ts";
import { expiryLines, indexNotes } from "#report/summary-expiry.ts";
import { cut, plural, type Colour, type Line, type Piece } from "#report/summary-words.ts";

export type SummaryExtra = {
  /** The controller's: in which days are told. */
  readonly timeZone: string;
  /** What the box is called, e.g. `Lethe · Shop GmbH`. */
  readonly title?: string;
  /** How long it took, e.g. `12.4 s`. */
  readonly took?: string;
  /** Sentences below the box: what to do next. */
  readonly notes?: readonly string[];
  /** Columns of the terminal; the box is never wider than 80. */
  readonly width?: number;
  /** Whether to colour; without it the box says the same in plain characters. */
  readonly colour?: boolean;
};

const colours: Readonly<Record<Treatment, Colour>> = {
  erase: "green",
  anonymise: "cyan",
  retain: "yellow",
  keep: "dim",
};
const endings: Readonly<Record<RunSummary["outcome"], Piece>> = {
  done: { text: "✓ done", colour: "green" },
  attention: { text: "! ended, something needs a person", colour: "yellow" },
  stopped: { text: "■ stopped on request; the next run goes on from here", colour: "yellow" },
};

/** What a run did, as a box of at most 80 columns that a person likes to read and to show. */
export const summaryText = (summary: RunSummary, extra: SummaryExtra): string => {
  const inner = Math.max(40, Math.min(80, extra.width ?? 80)) - 4;
  const sections = [
    header(summary, extra),
    requestLines(summary),
    outcomeLines(summary),
    stepLines(summary, inner),
    expiryLines(summary, inner),
    figureLines(summary, inner),
    closing(summary, extra),
  ];
  const colour = (piece: Piece): string =>
    extra.colour === true && piece.colour !== undefined
      ? styleText(piece.colour, piece.text, { validateStream: false })
      : piece.text;
  const frame = (text: string): string => colour({ text, colour: "dim" });
  const row = (line: Line): string => `${frame("│")} ${fit(line, inner).map(colour).join("")} ${frame("│")}`;
  const body = sections
    .filter((section) => section.length > 0)
    .map((section) => section.map(row).join("\n"))
    .join(`\n${frame(`├${"─".repeat(inner + 2)}┤`)}\n`);
  // A path stands outside the box: cut in two it could not be copied.
  const report = summary.report === null ? [] : [`Signed report: ${summary.report}`];
  const box = [frame(`╭${"─".repeat(inner + 2)}╮`), body, frame(`╰${"─".repeat(inner + 2)}╯`)];
  return [...box, ...report, ...indexNotes(summary), ...(extra.notes ?? [])].join("\n");
};

const header = ({ run, outcome }: RunSummary, { title, took }: SummaryExtra): Line[] => [
  [{ text: title ?? "Lethe", colour: "bold" }],
  [{ text: `run ${run}${took === undefined ? "" : `  ·  ${took}`}`, colour: "dim" }],
  [endings[outcome]],
];

const warningLines = ({ dueSoon, next, notConfirmed }: RunSummary["warnings"]): Line[] => [
  ...(dueSoon === 0
    ? []
    : [[{ text: `! ${plural(dueSoon, "request")} due soon, the next on ${next}`, colour: "yellow" as const }]]),
  ...(notConfirmed === 0
    ? []
    : [[{ text: `! ${plural(notConfirmed, "receipt")} not confirmed in time`, colour: "red" as const }]]),
];

const requestLines = ({ requests, warnings }: RunSummary): Line[] => {
  const states: readonly (readonly [string, number, Colour])[] = [
    ["done", requests.done, "green"],
    ["pending", requests.pending, "cyan"],
    ["failed", requests.failed, "red"],
    ["refused", requests.refused, "dim"],
    ["withdrawn", requests.withdrawn, "dim"],
  ];
  const largest = Math.max(1, ...states.map(([, value]) => value));
  const bars = states.map(([label, value, colour]): Line => {
    const bar = "█".repeat(value === 0 ? 0 : Math.max(1, Math.round((24 * value) / largest)));
    const asides = [
      ...(requests.blocked > 0 ? [`${figure(requests.blocked)} blocked`] : []),
      ...(requests.overdue > 0 ? [`${figure(requests.overdue)} overdue`] : []),
    ];
    const aside = label === "pending" && asides.length > 0 ? `  of which ${asides.join(", ")}` : "";
    return [
      { text: `  ${label.padEnd(10)}${figure(value).padStart(10)}  ` },
      { text: bar, colour },
      { text: aside, colour: "dim" },
    ];
  });
  return [
    [{ text: `${plural(requests.received, "request")} received`, colour: "bold" }],
    ...bars,
    ...warningLines(warnings),
  ];
};

/** Tables by treatment, so that what was erased, anonymised and retained stands together. */
const stepLines = ({ steps, expired }: RunSummary, inner: number): Line[] => {
  if (steps.length === 0) return expired.length > 0 ? [] : [[{ text: "No records changed.", colour: "dim" }]];
  const several = new Set(steps.map(({ store }) => store)).size > 1;
  const nameOf = ({ store, table }: RunSummary["steps"][number]): string => (several ? `${store}: ${table}` : table);
  const room = Math.min(Math.max(8, inner - 40), Math.max(...steps.map((step) => [...nameOf(step)].length)));
  const title = steps.length === 1 ? "Records, 1 table" : `Records, ${steps.length} tables`;
  const lines = treatments.flatMap((treatment) =>
    steps
      .filter((step) => step.treatment === treatment)
      .map((step): Line => {
        const spared = step.spared === 0 ? "" : `  ${figure(step.spared)} spared`;
        return [
          { text: `  ${cut(nameOf(step), room).padEnd(room)}  ` },
          { text: treatment.padEnd(10), colour: colours[treatment] },
          { text: figure(step.rows).padStart(12) },
          { text: spared, colour: "dim" },
        ];
      }),
  );
  return [[{ text: title, colour: "bold" }], ...lines];
};

const closing = ({ backups, restores, drills, residuals, tasks }: RunSummary, { timeZone }: SummaryExtra): Line[] => {
  const oldest =
    backups.oldest === null
      ? ""
      : `, the oldest of ${dayIn(Temporal.Instant.from(backups.oldest), timeZone).toString()}`;
  return [
    // A drill looks at the newest alone.
    ...(drills.length > 0
      ? []
      : [
          [
            { text: "Backups       ", colour: "bold" as const },
            { text: `${figure(backups.purged)} purged, ${figure(backups.kept)} kept${oldest}` },
          ],
        ]),
    ...(backups.exceptions === 0
      ? []
      : [
          [
            { text: "              " },
            { text: `! ${plural(backups.exceptions, "exception")}: lethe backups check`, colour: "red" as const },
          ],
        ]),
    [
      { text: "Residuals     ", colour: "bold" },
      residuals === 0
        ? { text: "✓ none found", colour: "green" }
        : { text: `✗ personal data found in ${plural(residuals, "row")}`, colour: "red" },
    ],
    ...restores.map(restoreLine),
    ...drills.flatMap(drillLines),
    ...taskLines(tasks),
  ];
};

const restoreLine = ({ store, repeated, refused, open, released }: RunSummary["restores"][number]): Line => {
  const kept = refused === 0 ? "" : `, ${figure(refused)} refused`;
  return [
    { text: "Restored      ", colour: "bold" },
    released
      ? { text: `✓ ${store} released, ${figure(repeated)} erased again${kept}`, colour: "green" }
      : { text: `✗ ${store} must not serve: ${plural(open, "request")} open`, colour: "red" },
  ];
};

const drillLines = (drill: RunSummary["drills"][number]): Line[] => {
  const { repository, backup, outcome, code, restored, replayed, repeated, waiting } = drill;
  const ends = {
    clean: { text: `✓ ${figure(repeated)} erased again in ${replayed} s: it could serve`, colour: "green" },
    waiting: { text: `✗ ${plural(waiting, "request")} would wait for a person before it serves`, colour: "red" },
    failed: { text: `✗ ${code}`, colour: "red" },
  } as const;
  return [
    [
      { text: "Drill         ", colour: "bold" },
      {
        text: restored === null ? repository : `${repository}: ${cut(backup ?? "", 32)} restored in ${restored} s`,
      },
    ],
    [{ text: "              " }, ends[outcome]],
  ];
};

/** A line of exactly `width` characters: the last pieces give way. */
const fit = (line: Line, width: number): Piece[] => {
  let left = width;
  const pieces = line.map((piece) => {
    const text = cut(piece.text, left);
    left -= [...text].length;
    return { ...piece, text };
  });
  return [...pieces, { text: " ".repeat(left) }];
};
