import type { Found, FoundColumn } from "#anonymity/search/search-table.ts";
import { table as textTable } from "#cli/table.ts";
import { scalar, transformText } from "#init/yaml-text.ts";
import { figure } from "#lib/figure.ts";

export const foundText = (found: Found): string => {
  const { store, table, rows, columns } = found;
  const head = `${table} in ${store}: ${figure(rows)} rows by ${columns.map(({ column }) => column).join(", ")}`;
  if (rows === 0) return `${head}\n\nThe table is empty: nothing has to become coarser.`;
  const parts = [head, verdict(found), columnsText(columns), measuresText(found), lookedText(found)];
  return [...parts, ...(found.met ? [policyText(columns)] : [])].join("\n\n");
};

/** What each class has to reach, in words. */
export const askedText = ({ k, l, t, sensitive }: Omit<Found["wanted"], "suppress">): string => {
  const of = sensitive.join(", ");
  const asked = [
    `k ${k}`,
    ...(l === undefined ? [] : [`l ${l} of ${of}`]),
    ...(t === undefined ? [] : [`t ${t} of ${of}`]),
  ];
  return asked.join(", ");
};

const rowsText = (rows: number): string => (rows === 1 ? "1 row" : `${figure(rows)} rows`);

const verdict = (found: Found): string => {
  const { met, best, allowed, rows, wanted } = found;
  const loss = best.loss.toFixed(4);
  const percent = ((100 * best.held) / rows).toFixed(2);
  if (!met) {
    const limit = allowed === 0 ? "" : `, and ${figure(allowed)} may be`;
    return [
      `No levels meet ${askedText(wanted)}${wanted.suppress === 0 ? "" : ` with ${wanted.suppress} % of the rows held back`}.`,
      `At the best there are, ${rowsText(best.held)} (${percent} %) would have to be held back${limit}:`,
    ].join("\n");
  }
  const held = best.held === 0 ? "" : `, and ${rowsText(best.held)} (${percent} %) held back`;
  return `Least loss that meets ${askedText(wanted)}: ${loss} of 1${held}.`;
};

export const columnsText = (columns: readonly FoundColumn[]): string =>
  textTable(
    columns.map(({ column, level, of, becomes, loss }) => [column, `${level} of ${of}`, becomes, loss.toFixed(4)]),
    [{ title: "column" }, { title: "level" }, { title: "becomes" }, { title: "loss", align: "right" }],
  );

const measuresText = ({ before, best, wanted: { sensitive } }: Found): string => {
  const each = sensitive.flatMap((column, index) => [
    [`l of ${column}`, figure(before.l[index] ?? 0), figure(best.l[index] ?? 0)],
    [`t of ${column}`, (before.t[index] ?? 0).toFixed(4), (best.t[index] ?? 0).toFixed(4)],
  ]);
  return textTable(
    [
      ["k", figure(before.k), figure(best.k)],
      ["classes", figure(before.classes), figure(best.classes)],
      ["rows below what is asked", figure(before.held), figure(best.held)],
      ["loss", before.loss.toFixed(4), best.loss.toFixed(4)],
      ...each,
    ],
    [{ title: "measure" }, { title: "before", align: "right" }, { title: "after", align: "right" }],
  );
};

const lookedText = ({ looked, nodes, met }: Found): string => {
  const of = `Looked at ${figure(looked)} of ${figure(nodes)} combinations of levels`;
  return met
    ? `${of}; of the others none can meet it and lose less.`
    : `${of}; the others are finer, and cannot meet it either.`;
};

export const policyText = (columns: readonly FoundColumn[]): string =>
  ["For the policy:", "", "columns:", ...columns.map(policyLine)].join("\n");

const policyLine = ({ column, transform, missing }: FoundColumn): string => {
  const key = scalar(column);
  if (missing !== undefined) return `  # ${key}: ${missing}`;
  if (transform.kind !== "generalise") return `  ${key}: ${transformText(transform)}`;
  const entries = Object.entries(transform.map).map(([from, to]) => `${scalar(from)}: ${scalar(to)}`);
  const map = packed(entries).map((line) => `      ${line}`);
  return [`  ${key}: { generalise: { otherwise: null, map: {`, ...map, "    } } }"].join("\n");
};

const longestLine = 100;

/** As many on each line as fit. */
const packed = (entries: readonly string[]): readonly string[] => {
  const lines: string[] = [];
  for (const entry of entries) {
    const last = lines.at(-1);
    if (last === undefined || last.length + entry.length > longestLine) lines.push(`${entry},`);
    else lines[lines.length - 1] = `${last} ${entry},`;
  }
  return lines;
};
