import type { DueAt } from "#anonymity/search/due/search.ts";
import type { DueFound } from "#anonymity/search/due/search-due.ts";
import { askedText, columnsText, policyText } from "#cli/anonymity-search-text.ts";
import { table as textTable } from "#cli/table.ts";
import { figure } from "#lib/figure.ts";

/** Counts only: of whom, and what their rows say, is nobody's to read here (requirement D6). */
export const dueText = (found: DueFound): string => {
  const { store, table, people, rows, staying, published, requests, best, columns } = found;
  const stay = `${rowsText(staying)} ${staying === 1 ? "stays as it is" : "stay as they are"}, ${figure(published)} of nobody who is known`;
  const go = `${table} in ${store}: ${rowsText(rows)} of ${peopleText(people)} due, by ${found.requests.go} of ${figure(requests.due)} ${requests.due === 1 ? "request" : "requests"}; ${stay}`;
  if (best === null) return `${go}\n\nNo rows are due: nothing has to become coarser.`;
  const parts = [go, verdict(found, best), columnsText(columns), measuresText(found, best), lookedText(found)];
  return [...parts, ...(found.met ? [policyText(columns)] : [waitText(found, best)])].join("\n\n");
};

const rowsText = (rows: number): string => (rows === 1 ? "1 row" : `${figure(rows)} rows`);
const peopleText = (people: number): string => (people === 1 ? "1 person" : `${figure(people)} people`);

const refusedText = ({ refused }: DueFound): string =>
  refused === 0
    ? ""
    : `\nRefused, because classes of published rows would no longer meet it: ${refused === 1 ? "1 combination" : `${figure(refused)} combinations`} of levels with which everybody could go.`;

const verdict = (found: DueFound, best: NonNullable<DueFound["best"]>): string => {
  const asked = askedText(found.wanted);
  if (found.met)
    return `Least loss with which everybody who is due meets ${asked}: ${best.loss.toFixed(4)} of 1.${refusedText(found)}`;
  const waits =
    best.held.people === 0
      ? "At the best there are, published rows would be less hidden than they are:"
      : `At the best there are, ${peopleText(best.waits)} of ${figure(found.people)} would have to wait:`;
  return `No levels meet ${asked} for everybody who is due.${refusedText(found)}\n${waits}`;
};

const measuresText = ({ now, wanted: { l, t, sensitive } }: DueFound, best: DueAt): string => {
  const line = (title: string, of: (at: DueAt) => string): readonly string[] => [
    title,
    now === null ? "–" : of(now),
    of(best),
  ];
  const lines = [
    line("k", ({ k }) => figure(k)),
    ...(l === undefined
      ? []
      : sensitive.map((column, at) => line(`l of ${column}`, (each) => figure(each.l[at] ?? 0)))),
    ...(t === undefined
      ? []
      : sensitive.map((column, at) => line(`t of ${column}`, (each) => (each.t[at] ?? 0).toFixed(4)))),
    line("people held by k", ({ held }) => figure(held.k)),
    ...(l === undefined ? [] : [line("people held by l", ({ held }) => figure(held.l))]),
    ...(t === undefined ? [] : [line("people held by t", ({ held }) => figure(held.t))]),
    line("people who wait", ({ waits }) => figure(waits)),
    line("published classes weakened", ({ weakened }) => figure(weakened)),
    line("loss", ({ loss }) => (loss === null ? "–" : loss.toFixed(4))),
  ];
  return textTable(lines, [
    { title: "measure" },
    { title: "policy now", align: "right" },
    { title: "these levels", align: "right" },
  ]);
};

const lookedText = ({ looked, nodes, parts, met, unwritable, untold }: DueFound): string => {
  const some = parts === 0 ? "" : `, and at ${figure(parts)} parts of such`;
  const rest = met ? "no other can meet it and lose less" : "no other has fewer people wait";
  return [
    `Looked at ${figure(looked)} of ${figure(nodes)} combinations of levels${some}; ${rest}.`,
    ...unwritable.map(
      ({ column, levels }) => `Left out, because no policy can write them: ${levels} of the levels of ${column}.`,
    ),
    ...untold.map((column) => `What the policy makes of ${column} now cannot be told before the night.`),
  ].join("\n");
};

const waitText = ({ now, late, people, wanted: { k } }: DueFound, best: DueAt): string => {
  const by = [
    ...(now === null
      ? []
      : [`Until more come, ${waitsText(now)} by the policy as it is; at these levels ${waitsText(best)}.`]),
    ...(now === null ? [`Until more come, ${waitsText(best)} at these levels.`] : []),
  ];
  const until =
    late.until === null ? "" : `The first of their last nights is that of ${late.until}${lateWords[late.then]}`;
  const counted =
    people < k
      ? `Counted in another table (\`aggregate\`) they would wait as well: fewer than ${k} people are due.`
      : `Or let the policy count the rows in another table (\`aggregate\`), for which ${k} people in each period are enough.`;
  return [...by, ...(until === "" ? [] : [until]), counted].join("\n");
};

const waitsText = ({ waits, missing }: DueAt): string => {
  if (waits === 0) return "nobody waits";
  const wait = `${peopleText(waits)} ${waits === 1 ? "waits" : "wait"}`;
  if (missing === null) return `${wait} until their classes are mixed enough`;
  const { least, most } = missing;
  return `${wait} for ${least === most ? figure(least) : `${figure(least)} to ${figure(most)}`} more`;
};

const lateWords = {
  wait: ", and they wait beyond it: the policy does not say what else (late).",
  suppress:
    ": in it what tells their rows apart is emptied, or they go where even so they are too few (late: suppress).",
  erase: ": in it their rows there go (late: erase).",
} as const;
