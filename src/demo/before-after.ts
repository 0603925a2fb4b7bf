import type { Step } from "#demo/effects.ts";
import type { Peek } from "#demo/peek.ts";
import type { NightShown } from "#demo/screen.ts";
import { figure, grouped } from "#lib/figure.ts";

type Line = readonly [what: string, before: string, after: string, remark: string];

/** Figures of the company's own database, and what Lethe's records say of the difference. */
export const comparison = ({ before, after, effects, soft }: NightShown): string[] => {
  const count = (what: string, key: CountKey, table: string): Line => [
    what,
    figure(before[key]),
    figure(after[key]),
    remark(effects.steps.filter((step) => step.table === table)),
  ];
  const sum = (what: string, key: SumKey): Line => [
    what,
    grouped(before[key]),
    grouped(after[key]),
    before[key] === after[key] ? "equal to the cent" : "less what was erased",
  ];
  const lines: Line[] = [
    soft === undefined
      ? count("customers", "customers", "customers")
      : ["customers", figure(before.customers), figure(after.customers), `${soft.marked} only marked`],
    count("invoices", "invoices", "invoices"),
    sum("  invoiced, EUR", "invoiced"),
    sum("  paid, EUR", "paid"),
    count("tracked events", "events", "analytics_events"),
    sum("  revenue, EUR", "revenue"),
    count("addresses", "addresses", "addresses"),
    count("payment methods", "payment_methods", "payment_methods"),
  ];
  return lines.map(([what, was, is, words]) =>
    `  ${what.padEnd(21)}${was.padStart(12)}${is.padStart(14)}   ${words}`.trimEnd(),
  );
};

const words = { erase: "erased", anonymise: "anonymised", retain: "retained", keep: "left as they are" } as const;

const remark = (steps: readonly Step[]): string =>
  steps
    .flatMap(({ treatment, rows, spared }) => [
      ...(rows === 0 ? [] : [`${figure(rows)} ${words[treatment]}`]),
      ...(spared === 0 ? [] : [`${figure(spared)} spared`]),
    ])
    .join(", ");

type CountKey = { [K in keyof Peek]: Peek[K] extends number ? K : never }[keyof Peek];
type SumKey = Exclude<keyof Peek, CountKey>;
