import type { Peek } from "#demo/peek.ts";
import type { ImportResult } from "#intake/import-result.ts";
import { styleText } from "node:util";
import type { RunSummary } from "#records/run.ts";
import { summaryText } from "#report/summary-text.ts";

export type NightShown = {
  readonly imported: ImportResult;
  readonly before: Peek;
  readonly after: Peek;
  readonly run: RunSummary;
  /** Requests that wait or failed, by code. */
  readonly stopped: readonly { readonly code: string; readonly requests: number }[];
  /** Steps of the verification that passed. */
  readonly checks: number;
  /** E.g. `12.4 s`. */
  readonly took: string;
  /** Ways from the working directory, as the reader would type them. */
  readonly report: string;
  readonly key: string;
  readonly config: string;
  readonly policy: string;
  /** `npx lethe`, or what runs it in a clone. */
  readonly command: string;
};

const whole = new Intl.NumberFormat("en-GB");
const width = 78;
const indent = " ".repeat(10);

/** What a newcomer sees at the end: what became of whom, what did not change, and how to check it. */
export const demoScreen = (night: NightShown, colour: boolean): string => {
  const heading = (title: string): string => {
    const text = `${title} ${"─".repeat(width - title.length - 1)}`;
    return `\n${colour ? styleText("bold", text, { validateStream: false }) : text}`;
  };
  return [
    "",
    summaryText(
      { ...night.run, report: night.report },
      { title: "Lethe · Lumen Streaming GmbH (sample)", took: night.took, width, colour },
    ),
    heading("The letter-box"),
    ...letterLines(night),
    heading("Before and after, read back from the company's database"),
    ...comparison(night),
    heading("Check it without us"),
    `${indent}${night.checks} checks have just passed. This repeats them, offline:`,
    `  ${night.command} verify \\`,
    `    ${night.report} \\`,
    `    --key ${night.key}`,
    heading("Try next"),
    ...suggestions(night),
  ].join("\n");
};

const fact = (count: number | string, text: string): string =>
  `${(typeof count === "number" ? whole.format(count) : count).padStart(8)}  ${text}`;

const letterLines = ({ imported, run, stopped }: NightShown): string[] => [
  fact(imported.rows, "letters in the file"),
  ...(imported.repeated === 0 ? [] : [fact(imported.repeated, "asked again, joined to the request they repeat")]),
  ...(imported.rejectedCount === 0
    ? []
    : [
        fact(imported.rejectedCount, "turned away, the rest of the file entered:"),
        ...wrapped(codes(imported.rejected)),
      ]),
  fact(run.requests.done, "people forgotten, and looked for afterwards everywhere"),
  ...stopped.map(({ code, requests }) => fact(requests, sentences[code] ?? code)),
];

const sentences: Readonly<Record<string, string>> = {
  CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS: "wait: a subscription is still running",
  CUSTOMER_HAS_PENDING_ORDERS: "waits: an order has not been shipped",
  DEVICES_NOT_RETURNED: "waits: a rented device is still out",
  CUSTOMER_HAS_PENDING_PAYMENTS: "waits: a payment has not arrived",
  OPEN_INVOICES: "waits: an invoice is open",
  WALLET_HAS_BALANCE: "waits: there is money in the wallet",
  WORKFLOWS_RUNNING: "waits: a workflow is running",
  SUBJECT_NOT_FOUND: "was never a customer",
};

const codes = (rejected: ImportResult["rejected"]): readonly string[] =>
  rejected.map(({ line, code }) => `line ${line} ${code}`);

/** Comma-separated words under a fact, in lines that fit. */
const wrapped = (words: readonly string[]): string[] => {
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ""}, ${word}`;
    if (lines.length === 0 || longer.length > width - indent.length) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.map((line) => indent + line);
};

type Line = readonly [what: string, before: string, after: string, remark: string];

const comparison = ({ before, after, run }: NightShown): string[] => {
  const spared = run.steps.find(({ table }) => table === "addresses")?.spared ?? 0;
  const count = (what: string, key: CountKey, remark: string): Line => [
    what,
    whole.format(before[key]),
    whole.format(after[key]),
    remark,
  ];
  const sum = (what: string, key: SumKey): Line => [
    what,
    euros(before[key]),
    euros(after[key]),
    before[key] === after[key] ? "equal to the cent" : "CHANGED",
  ];
  const lines: Line[] = [
    count("customers", "customers", `${whole.format(after.shells - before.shells)} anonymised`),
    count("invoices", "invoices", after.invoices === before.invoices ? "names and streets cleared" : "CHANGED"),
    sum("  invoiced, EUR", "invoiced"),
    sum("  paid, EUR", "paid"),
    count(
      "tracked events",
      "events",
      `${whole.format(before.linked_events - after.linked_events)} cut loose from people`,
    ),
    sum("  revenue, EUR", "revenue"),
    count(
      "addresses",
      "addresses",
      `${whole.format(before.addresses - after.addresses)} erased, ${whole.format(spared)} shared spared`,
    ),
    count(
      "payment methods",
      "payment_methods",
      `${whole.format(before.payment_methods - after.payment_methods)} erased`,
    ),
  ];
  return lines.map(
    ([what, was, is, remark]) => `  ${what.padEnd(21)}${was.padStart(12)}${is.padStart(14)}   ${remark}`,
  );
};

type CountKey = { [K in keyof Peek]: Peek[K] extends number ? K : never }[keyof Peek];
type SumKey = Exclude<keyof Peek, CountKey>;

/** Decimal text with groups of three; never through a number, which could round. */
const euros = (amount: string): string => amount.replace(/\B(?=(\d{3})+(?=\.))/g, ",");

const suggestions = ({ command, config, policy, report }: NightShown): string[] => [
  "  1  Run the night again: nobody is erased twice, and who waits still waits.",
  `     ${command} run --config ${config}`,
  "  2  Cheat: change the report, then verify as above (exit status 4).",
  `     echo >> ${report}/report.json`,
  `  3  Delete the line \`birth_date:\` under \`customers\` in ${policy}:`,
  "     Lethe does not guess, and says what is missing.",
  `     ${command} policy check --config ${config}`,
];
