import type { NightShown } from "#demo/screen.ts";
import type { ImportResult } from "#intake/import-result.ts";
import type { Outcome } from "#records/treatment.ts";

const whole = new Intl.NumberFormat("en-GB");
const width = 78;
const indent = " ".repeat(10);

const fact = (count: number | string, text: string): string =>
  `${(typeof count === "number" ? whole.format(count) : count).padStart(8)}  ${text}`;

export const letterLines = ({ imported, run, waited, stopped }: NightShown): string[] => [
  fact(imported.rows, "letters in the file"),
  ...(imported.repeated === 0 ? [] : [fact(imported.repeated, "asked again, joined to the request they repeat")]),
  ...(imported.rejectedCount === 0
    ? []
    : [
        fact(imported.rejectedCount, "turned away, the rest of the file entered:"),
        ...wrapped(codes(imported.rejected)),
      ]),
  ...(waited === undefined ? [] : [fact(waited.scheduled, `scheduled, and due after ${waited.grace}: it has passed`)]),
  ...outcomes.flatMap(([outcome, words]) => (run.outcomes[outcome] === 0 ? [] : [fact(run.outcomes[outcome], words)])),
  ...stopped.map(({ code, requests }) => fact(requests, sentences[code] ?? code)),
];

/** Whom the policy means by "deleted", and what is true of them. */
const outcomes: readonly (readonly [Outcome, string])[] = [
  ["erased", "people erased, and looked for afterwards everywhere"],
  ["anonymised", "people forgotten: rows stay without them; looked for everywhere"],
  ["retained", "people forgotten but for records that the law holds"],
  ["archived_with_pii", "people marked only: their personal data is still there"],
];

const sentences: Readonly<Record<string, string>> = {
  CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS: "wait: a subscription is still running",
  CUSTOMER_HAS_PENDING_ORDERS: "waits: an order has not been shipped",
  DEVICES_NOT_RETURNED: "waits: a rented device is still out",
  CUSTOMER_HAS_PENDING_PAYMENTS: "waits: a payment has not arrived",
  OUTSTANDING_INVOICES: "waits: an invoice is open",
  CUSTOMER_HAS_CHILDREN: "waits: has child customers",
  CUSTOMER_GAVE_GIFT: "waits: gave a gift subscription",
  CUSTOMER_RECEIVED_GIFT: "waits: received a gift subscription",
  REACTIVATED: "is active again: the request is open once more",
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

const done: Readonly<Record<string, string>> = { set: "changed", unlink: "unlinked", remove: "removed" };

export const remedyLines = ({ effects }: NightShown): string[] =>
  effects.remedies.map(({ code, table, action, rows }) =>
    fact(rows, `${rows === 1 ? "row" : "rows"} of ${table} ${done[action] ?? action}: ${code}`),
  );

export const softLines = ({ soft }: NightShown): string[] =>
  soft === undefined
    ? []
    : [
        fact(soft.marked, "customers marked as inactive"),
        fact(soft.visible, "of them in the view that shows who is active"),
        `${indent}A new order for one of them was tried just now, and ${soft.refused === null ? "TAKEN." : "refused:"}`,
        ...(soft.refused === null ? [] : [`${indent}${soft.refused}`]),
        `${indent}Then somebody activated that customer, and the night ran again.`,
      ];

const mostStays = 6;

export const stayLines = ({ effects: { stays } }: NightShown): string[] => [
  ...stays.slice(0, mostStays).map(({ table, columns, rows }) => {
    const text = `${table}: ${columns.join(", ")}`;
    return fact(rows, text.length > width - indent.length ? `${text.slice(0, width - indent.length - 1)}…` : text);
  }),
  ...(stays.length > mostStays ? [`${indent}and in ${stays.length - mostStays} more tables`] : []),
];
