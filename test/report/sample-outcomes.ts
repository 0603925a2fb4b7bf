import { outcomes, type Outcome } from "#records/treatment.ts";
import type { OutcomeItem, StayItem, StayPlace } from "#report/outcome-document.ts";
import type { RequestItem } from "#report/report-document.ts";
import type { ReportHead } from "#report/report-source.ts";

const voucher = "HGB §257(1) no. 4, AO §147";
const preserved = "preserved with the account";

/** Two requests in three of those that were deleted softly; the others keep what the law holds. */
const outcomeAt = ({ state }: RequestItem, index: number): Outcome | undefined => {
  switch (state) {
    case "archived":
      return "archived_with_pii";
    case "erased":
      return index % 3 === 0 ? "erased" : "retained";
    case "completed":
      return "anonymised";
    case "scheduled":
    case "blocked":
    case "failed":
      return state;
    case "received":
    case "verified":
    case "approved":
    case "erasing":
    case "held":
    case "refused":
    case "withdrawn":
      return undefined;
  }
};

const placesBy: Partial<Record<Outcome, readonly StayItem["columns"][number][]>> = {
  archived_with_pii: [
    { table: "addresses", column: "city", rows: 2, why: preserved, until: null },
    { table: "addresses", column: "line1", rows: 2, why: preserved, until: null },
    { table: "customers", column: "email", rows: 1, why: "the account can be reactivated", until: null },
    { table: "customers", column: "full_name", rows: 1, why: "the account can be reactivated", until: null },
    { table: "customers", column: "phone", rows: 1, why: "the account can be reactivated", until: null },
  ],
  retained: [
    { table: "invoices", column: "billing_name", rows: 6, why: voucher, until: "2035-01-01" },
    { table: "invoices", column: "billing_street", rows: 6, why: voucher, until: "2035-01-01" },
  ],
};

export const outcomesOf = (items: Iterable<RequestItem>): OutcomeItem[] =>
  [...items].flatMap((item, index): OutcomeItem[] => {
    const outcome = outcomeAt(item, index);
    if (outcome === undefined) return [];
    const open = item.outcome !== "done";
    const columns = placesBy[outcome] ?? [];
    return [
      {
        ref: item.ref,
        store: "shop",
        outcome,
        at: open ? "2026-11-01T01:00:30.000Z" : "2026-11-02T01:00:42.000Z",
        codes: item.code === null ? [] : index % 2 === 0 ? [item.code] : [item.code, "CUSTOMER_HAS_PENDING_ORDERS"],
        scheduledFor: item.scheduledFor,
        left: open ? null : columns.length,
        until: outcome === "retained" ? "2035-01-01" : null,
      },
    ];
  });

export const staysOf = (items: Iterable<RequestItem>): StayItem[] =>
  outcomesOf(items).flatMap(({ ref, outcome }) => {
    const columns = placesBy[outcome];
    return columns === undefined ? [] : [{ ref, store: "shop", columns: [...columns] }];
  });

const placesOf = (stays: readonly StayItem[]): StayPlace[] => {
  const columns = stays.flatMap((stay) => stay.columns.map((column) => ({ store: stay.store, ...column })));
  return [...Map.groupBy(columns, ({ table, column }) => `${table} ${column}`).values()].flatMap((same) => {
    const [first] = same;
    const rows = same.reduce((sum, place) => sum + place.rows, 0);
    return first === undefined ? [] : [{ ...first, rows, requests: same.length }];
  });
};

/** What the head of the report says of all this. */
export const outcomeHead = (
  items: readonly RequestItem[],
): Pick<ReportHead, "outcomes" | "stays" | "remedied" | "figures" | "tasks"> => {
  const each = outcomesOf(items);
  const counts = outcomes.map((outcome) => [outcome, each.filter((item) => item.outcome === outcome).length] as const);
  return {
    outcomes: {
      requests: Object.fromEntries(counts) as Record<Outcome, number>,
      stores: counts.flatMap(([outcome, requests]) => (requests === 0 ? [] : [{ store: "shop", outcome, requests }])),
    },
    stays: { places: placesOf(staysOf(items)) },
    remedied: {
      totals: [
        { store: "shop", code: "GIFT_GIVER", table: "gifts", action: "unlink", rows: 5, requests: 4 },
        { store: "shop", code: "UNPAID_INVOICE_CANCELLED", table: "invoices", action: "set", rows: 12, requests: 9 },
      ],
    },
    figures: [
      figure("Payments", "48211.50", "48022.40", "-189.10", "0.00"),
      figure("Signups", "4120", "4122", "0", "2"),
      figure("Refunds", "311", "311", "0", "0"),
    ],
    tasks: [
      {
        store: "shop",
        recipient: "Stripe",
        task: "delete_payment_method",
        open: 6,
        done: 41,
        failed: 2,
        oldestOpen: "2026-10-30T01:00:42.000Z",
      },
    ],
  };
};

const figure = (name: string, before: string, after: string, change: string, meanwhile: string) => ({
  store: "shop",
  figure: name,
  before,
  after,
  change,
  meanwhile,
  equal: Number(change) === 0,
});
