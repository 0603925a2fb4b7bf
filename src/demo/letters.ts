import { figure } from "#lib/figure.ts";
import type { NightShown } from "#demo/screen.ts";
import type { ImportResult } from "#intake/import-result.ts";
import { durationText } from "#lib/duration-text.ts";
import type { Outcome } from "#records/treatment.ts";

const width = 78;
const indent = " ".repeat(10);

const fact = (count: number | string, text: string): string =>
  `${(typeof count === "number" ? figure(count) : count).padStart(8)}  ${text}`;

export const letterLines = ({ imported, run, waited, stopped, effects }: NightShown): string[] => [
  fact(imported.rows, "letters in the file"),
  ...(imported.repeated === 0 ? [] : [fact(imported.repeated, "asked again, joined to the request they repeat")]),
  ...(imported.rejectedCount === 0
    ? []
    : [
        fact(imported.rejectedCount, "turned away, the rest of the file entered:"),
        ...wrapped(codes(imported.rejected)),
      ]),
  ...(waited === undefined
    ? []
    : [fact(waited.scheduled, `scheduled; … ${durationText(waited.grace)} later the night ran again:`)]),
  ...outcomes.flatMap(([outcome, words]) => (run.outcomes[outcome] === 0 ? [] : [fact(run.outcomes[outcome], words)])),
  ...(run.outcomes.retained > 0 && effects.stays.length > 0
    ? [`${indent}some of which still name them: see below`]
    : []),
  ...stopped.map(stoppedLine),
];

/** Whom the policy means by "deleted", and what is true of them. */
const outcomes: readonly (readonly [Outcome, string])[] = [
  ["erased", "people erased, and looked for afterwards everywhere"],
  ["anonymised", "people forgotten: rows stay without them; looked for everywhere"],
  ["retained", "people forgotten but for records that are held for their period"],
  ["archived_with_pii", "people marked only: their personal data is still there"],
];

const reasons: Readonly<Record<string, string>> = {
  CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS: "a subscription is still running",
  CUSTOMER_HAS_PENDING_ORDERS: "an order has not been shipped",
  DEVICES_NOT_RETURNED: "a rented device is still out",
  CUSTOMER_HAS_PENDING_PAYMENTS: "a payment has not arrived",
  OUTSTANDING_INVOICES: "an invoice is open",
  OPEN_INVOICES: "an invoice is open",
  CUSTOMER_HAS_CHILDREN: "there are child customers",
  CUSTOMER_GAVE_GIFT: "a gift subscription was given",
  CUSTOMER_RECEIVED_GIFT: "a gift subscription was received",
  WALLET_HAS_BALANCE: "there is money in the wallet",
  WORKFLOWS_RUNNING: "a workflow is running",
};

const stoppedLine = ({ code, requests }: NightShown["stopped"][number]): string => {
  if (code === "REACTIVATED") return fact(requests, "of these, active again since: the request is open once more");
  if (code === "SUBJECT_NOT_FOUND")
    return fact(requests, requests === 1 ? "was never a customer" : "were never customers");
  return fact(requests, `${requests === 1 ? "waits" : "wait"}: ${reasons[code] ?? code}`);
};

const codes = (rejected: ImportResult["rejected"]): readonly string[] =>
  rejected.map(({ line, code }) => `line ${line} ${code}`);

/** Comma-separated words under a fact, in lines that fit. */
const wrapped = (words: readonly string[]): string[] => {
  const lines: string[] = [];
  for (const word of words) {
    const longer = `${lines.at(-1) ?? ""}, ${word}`;
    // Room for the comma at the end.
    if (lines.length === 0 || longer.length >= width - indent.length) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.map((line, index) => `${indent}${line}${index < lines.length - 1 ? "," : ""}`);
};

const done: Readonly<Record<string, string>> = { set: "changed", unlink: "unlinked", remove: "removed" };

export const remedyLines = ({ effects }: NightShown): string[] =>
  effects.remedies.map(({ code, table, action, rows }) => fact(rows, `${code}: ${table} ${done[action] ?? action}`));

export const softLines = ({ soft }: NightShown): string[] =>
  soft === undefined
    ? []
    : [
        fact(soft.marked, "customers marked as inactive"),
        fact(soft.wereVisible, `of them were in the view of active customers, ${soft.visible} are now`),
        `${indent}A new order for one of them was tried just now, and ${soft.refused === null ? "TAKEN." : "refused:"}`,
        ...(soft.refused === null ? [] : [`${indent}${soft.refused}`]),
        `${indent}One for a customer who is not marked was ${soft.refusedOthers === null ? "taken." : `REFUSED: ${soft.refusedOthers}`}`,
        `${indent}Then somebody activated the marked one, and the night ran again.`,
      ];

const mostStays = 6;

/** Where, what, and why; `lethe request show` lists it for each request. */
export const stayLines = ({ effects: { stays } }: NightShown): string[] => [
  ...stays
    .slice(0, mostStays)
    .flatMap(({ table, columns, rows, why }) => [fact(rows, `${table}: ${why}`), ...wrapped(columns)]),
  ...(stays.length > mostStays ? [`${indent}and in ${stays.length - mostStays} more tables`] : []),
];
