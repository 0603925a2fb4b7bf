import type { StoreAttack } from "#anonymity/attack-stores.ts";
import type { Measured } from "#anonymity/measure-table.ts";
import { table as textTable } from "#cli/table.ts";
import { figure } from "#lib/figure.ts";

/** Of the longest bar, in characters. */
const longest = 32;

export const measuredText = (measured: Measured): string => {
  const { store, table, quasi, rows, classes } = measured;
  const head = `${table} in ${store}: ${figure(rows)} rows in ${figure(classes)} classes of ${quasi.join(", ")}`;
  return [head, classesText(measured), sensitiveText(measured)].filter((part) => part !== "").join("\n\n");
};

const classesText = ({ k, unique, below, rows, threshold, sizes }: Measured): string => {
  if (rows === 0) return "There is nothing to measure.";
  const numbers = [
    ["k", figure(k), "rows in the smallest class"],
    ["alone", figure(unique), "rows that nobody shares a class with"],
    [`below ${threshold}`, figure(below), `rows in classes of fewer than ${threshold}${k < threshold ? "" : ": none"}`],
  ] as const;
  const most = Math.max(...sizes.map((band) => band.rows));
  const bands = sizes.map((band) => [
    band.from === band.to ? figure(band.from) : `${figure(band.from)} to ${figure(band.to)}`,
    figure(band.classes),
    figure(band.rows),
    "█".repeat(Math.ceil((band.rows / most) * longest)),
  ]);
  return [
    textTable(numbers, [{ title: "measure" }, { title: "value", align: "right" }, { title: "" }]),
    "",
    textTable(bands, [
      { title: "class size", align: "right" },
      { title: "classes", align: "right" },
      { title: "rows", align: "right" },
      { title: "" },
    ]),
  ].join("\n");
};

const sensitiveText = ({ sensitive, rows }: Measured): string =>
  sensitive.length === 0 || rows === 0
    ? ""
    : textTable(
        sensitive.map(({ column, ordered, values, l, entropyL, t }) => [
          column,
          ordered ? "ordered" : "categories",
          figure(values),
          figure(l),
          entropyL.toFixed(2),
          t.toFixed(4),
        ]),
        [
          { title: "sensitive" },
          { title: "as" },
          { title: "values", align: "right" },
          { title: "l", align: "right" },
          { title: "entropy l", align: "right" },
          { title: "t", align: "right" },
        ],
      );

export const attackText = (attacks: readonly StoreAttack[]): string => {
  if (attacks.length === 0) return "no policy lists what an attacker may know, with `attack`";
  const lines = attacks.map(({ store, table, knows, precision, rows, nobody, one, few, many, threshold }) => [
    `${store}.${table}`,
    knows,
    precision === "exact" ? "day, cent" : "month, two digits",
    figure(rows),
    figure(nobody),
    figure(one),
    figure(few),
    `${figure(many)} (${threshold} or more)`,
  ]);
  const counts = ["rows", "nobody", "one person", "few", "many"].map((title) => ({ title, align: "right" as const }));
  const found = attacks.reduce((sum, { one }) => sum + one, 0);
  return [
    textTable(lines, [{ title: "anonymised" }, { title: "known" }, { title: "compared by" }, ...counts]),
    "",
    found === 0
      ? "No row fits one person alone."
      : "Rows that fit one person alone are that person's: make the columns coarser in the policy, or leave them out.",
  ].join("\n");
};
