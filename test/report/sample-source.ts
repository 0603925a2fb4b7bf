import { Temporal } from "temporal-polyfill";
import { outcomeOf, requestStates } from "#records/request.ts";
import { limitsOf } from "#report/limits.ts";
import type { RequestItem, StoppedItem } from "#report/report-document.ts";
import type { ReportHead, ReportRows, ReportSource } from "#report/report-source.ts";
import { anonymity, conserved, late as belated } from "#test/report/sample-analytics.ts";
import { outcomeHead, outcomesOf, staysOf } from "#test/report/sample-outcomes.ts";

/** A report without a database behind it: `requests` of them, in all states, deterministic. */
export const sampleSource = (requests: number, change: Partial<ReportRows> = {}): ReportSource => {
  const head = headFor(requests);
  const rows: ReportRows = {
    requests: () => items(requests),
    overdue: () => overdue(requests),
    warnings: () => each([{ ref: "R-AAAA-0000-0007", what: "due-soon", due: "2026-11-06", daysLeft: 4 }]),
    failures: () => stopped(requests, "failed"),
    blocks: () => stopped(requests, "blocked"),
    dispositions: () => each(dispositions),
    retained: () =>
      each(dispositions.filter((row) => row.treatment === "retain").map(({ treatment: _, spared: __, ...row }) => row)),
    outcomes: () => each(outcomesOf(range(requests))),
    stays: () => each(staysOf(range(requests))),
    remedied: () =>
      each([{ ref: "R-AAAA-0000-0001", store: "shop", code: "GIFT_GIVER", table: "gifts", action: "unlink", rows: 2 }]),
    conserved: () => each(conserved),
    late: () => each(belated),
    anonymity: () => each([anonymity]),
    residuals: () =>
      each([
        {
          ref: "R-AAAA-0000-0003",
          store: "shop",
          table: "support_tickets",
          column: "internal_note",
          rows: 2,
          open: true,
        },
      ]),
    backupSets: () => each(backupSets),
    ...change,
  };
  return { head, rows };
};

export async function* each<T>(rows: Iterable<T>): AsyncGenerator<T> {
  yield* rows;
}

const digest = "4f".repeat(32);
const stateAt = (index: number): RequestItem["state"] =>
  requestStates[(index * 5 + 6) % requestStates.length] ?? "received";
const pad = (value: number): string => String(value).padStart(2, "0");

const claims = { reason: "legal-claims", exception: "e" as const, citation: "ZPO §286" };
const lateBy = { due: "2026-10-21", basis: "GDPR Art. 12(4)", days: 12 };

const itemAt = (index: number): RequestItem => {
  const state = stateAt(index);
  const outcome = outcomeOf(state);
  const open = outcome === "pending" || outcome === "failed";
  const late = (index * 7) % 41;
  return {
    ref: `R-AAAA-${String(Math.floor(index / 10_000)).padStart(4, "0")}-${String(index % 10_000).padStart(4, "0")}`,
    state,
    outcome,
    received: `2026-10-${pad(1 + (index % 28))}`,
    due: `2026-11-${pad(1 + (index % 28))}`,
    basis: "GDPR Art. 12(3)",
    ground: index % 3 === 0 ? "a" : "b",
    purpose: index % 4 === 0 ? "delete-user" : null,
    daysLeft: open ? late - 4 : null,
    decided: state === "received" ? null : `2026-10-${pad(1 + (index % 28))}T09:12:00.000Z`,
    scheduledFor: state === "scheduled" ? "2026-12-02T01:00:00.000Z" : null,
    erased: outcome === "done" && state !== "archived" ? "2026-11-02T01:00:42.000Z" : null,
    completed: state === "completed" ? "2026-11-02T01:00:55.000Z" : null,
    backupsClearOn: outcome === "done" && state !== "archived" ? "2026-12-02" : null,
    backupsLeft: state === "erased" ? 12 : null,
    code: state === "blocked" ? "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS" : state === "failed" ? "CONSTRAINT_VIOLATED" : null,
    hint: state === "blocked" ? "Cancel the subscription, or wait until it ends; the next night looks again." : null,
    repeats: index % 9 === 0 ? 1 : 0,
    exceptions: null,
    refusal: state === "refused" ? { ...claims, late: index % 2 === 0 ? lateBy : null } : null,
  };
};

function* range(count: number): Generator<RequestItem> {
  for (let index = 0; index < count; index++) yield itemAt(index);
}

async function* items(count: number): ReturnType<ReportRows["requests"]> & AsyncGenerator<RequestItem> {
  yield* range(count);
}

async function* overdue(count: number): AsyncGenerator<Awaited<ReturnType<typeof overdueOf>>> {
  for (const item of range(count)) {
    if (item.outcome === "pending" && item.daysLeft !== null && item.daysLeft < 0) yield overdueOf(item);
  }
}

const overdueOf = ({ ref, state, due, daysLeft, code }: RequestItem) => ({
  ref,
  state,
  due,
  daysLate: -(daysLeft ?? 0),
  code,
});

async function* stopped(count: number, state: "failed" | "blocked"): AsyncGenerator<StoppedItem> {
  for (const item of range(count)) {
    if (item.state !== state) continue;
    const detail =
      state === "failed"
        ? {
            store: "shop",
            table: "payments",
            constraint: "payments_amount_check",
            sqlstate: "23514",
            hint: "Correct the row.",
          }
        : { store: "shop", table: "subscriptions", rows: 1, hint: "Cancel the subscription, or wait until it ends." };
    yield {
      ref: item.ref,
      state,
      code: item.code ?? "UNKNOWN",
      since: "2026-11-01T01:00:30.000Z",
      due: item.due,
      daysLeft: item.daysLeft ?? 0,
      detail,
    };
  }
}

const until = { first: "2031-01-01", last: "2035-01-01" };
const voucher = "HGB §257(1) no. 4, AO §147";
const dispositions: Awaited<ReturnType<typeof dispositionOf>>[] = [
  ["customers", "anonymise", 31, 0],
  ["addresses", "erase", 58, 3],
  ["payment_methods", "erase", 40, 0],
  ["sessions", "erase", 412, 0],
  ["support_tickets", "anonymise", 22, 0],
  ["invoices", "retain", 187, 0],
  ["invoice_lines", "retain", 803, 0],
  ["payments", "retain", 190, 4],
  ["analytics_events", "anonymise", 1204, 0],
].map(([table, treatment, rows, spared]) =>
  dispositionOf(String(table), String(treatment) as "erase", Number(rows), Number(spared)),
);

function dispositionOf(
  table: string,
  treatment: "erase" | "anonymise" | "retain" | "keep",
  rows: number,
  spared: number,
) {
  const kept = treatment === "retain";
  return {
    store: "shop",
    table,
    treatment,
    rows,
    spared,
    requests: 31,
    basis: kept ? voucher : null,
    until: kept ? until : null,
    exception: kept ? ("b" as const) : null,
  };
}

/** One a night, the latest of last night: 30 of them are there, the last nine were verified the night after. */
const backupSets = Array.from({ length: 36 }, (_, index) => {
  const purged = index > 29;
  const day = Temporal.PlainDate.from("2026-11-01").subtract({ days: index });
  return {
    repository: "nightly-dumps",
    name: `shop-${day.toString().replaceAll("-", "")}-${pad(index)}.dump`,
    sha256: digest,
    bytes: 482_113_902 + index * 1_234_567,
    taken: `${day.toString()}T00:30:00.000Z`,
    state: purged ? ("purged" as const) : ("listed" as const),
    purgedAt: purged ? "2026-11-02T01:00:50.000Z" : null,
    verifiedAt: index < 9 ? `${day.add({ days: 1 }).toString()}T01:00:48.000Z` : null,
  };
});

const headFor = (requests: number): ReportHead => {
  const counts = {
    received: requests,
    done: 0,
    refused: 0,
    withdrawn: 0,
    pending: 0,
    failed: 0,
    blocked: 0,
    overdue: 0,
  };
  const deadlines = { overdue: 0, within7: 0, within14: 0, within30: 0, later: 0 };
  for (const { state, outcome, daysLeft } of range(requests)) {
    counts[outcome] += 1;
    if (state === "blocked") counts.blocked += 1;
    if (outcome !== "pending" || daysLeft === null) continue;
    if (daysLeft < 0) deadlines.overdue += 1;
    else if (daysLeft <= 7) deadlines.within7 += 1;
    else if (daysLeft <= 14) deadlines.within14 += 1;
    else if (daysLeft <= 30) deadlines.within30 += 1;
    else deadlines.later += 1;
  }
  counts.overdue = deadlines.overdue;
  const readAt = "2026-11-02T01:01:03.000Z";
  const backups = [
    {
      repository: "nightly-dumps",
      store: "shop",
      keepDays: 30,
      kept: 30,
      bytes: 15_519_000_000,
      oldest: "2026-10-03T00:30:00.000Z",
      newest: "2026-11-01T00:30:00.000Z",
      purged: backupSets
        .filter((set) => set.state === "purged")
        .map(({ repository: _, state: __, verifiedAt: ___, ...set }) => set),
      vanished: [],
      log: null,
      verified: { name: "shop-20261101-00.dump", sha256: digest, at: "2026-11-02T01:00:48.000Z" },
      drill: {
        at: "2026-11-01T05:02:11.000Z",
        name: "shop-20261031-00.dump",
        outcome: "clean" as const,
        code: null,
        restored: 41,
        replayed: 6,
        repeated: 12,
        waiting: 0,
      },
      exceptions: [{ name: "shop-20260915.dump", code: "BACKUP_LAST_GOOD", breach: "2026-10-15" }],
    },
  ];
  const rule = {
    class: "voucher",
    basis: voucher,
    anchor: "end-of-calendar-year",
    yearBegins: "01-01",
    exception: "b" as const,
  };
  const revisions = [
    {
      store: "shop",
      table: "invoices",
      was: { ...rule, period: "P8Y" },
      is: { ...rule, period: "P10Y" },
      requests: 41,
    },
  ];
  const restores = [
    {
      store: "shop",
      asOf: "2026-10-30T00:30:00.000Z",
      noticed: "2026-11-01T09:12:44.000Z",
      batches: 3,
      repeated: 12,
      refused: 1,
      open: 0,
      released: "2026-11-02T01:00:20.000Z",
    },
  ];
  const told = outcomeHead([...range(requests)]);
  return {
    readAt,
    today: "2026-11-02",
    controller: { name: "Shop GmbH", country: "DE", dpo: "dpo@shop.example", timeZone: "Europe/Berlin" },
    run: {
      id: "20261102T010000Z-7KQ2MX",
      job: "nightly",
      started: "2026-11-02T01:00:00.000Z",
      ended: "2026-11-02T01:01:02.000Z",
      outcome: "attention",
      tool: "lethe 0.1.0",
    },
    policies: [{ store: "shop", name: "shop", version: 3, digest }],
    requests: { counts, deadlines, listed: requests, closedEarlier: 0 },
    totals: {
      erased: 510,
      anonymised: 1257,
      retained: 1180,
      spared: 7,
      residuals: 1,
      compared: 18,
      unequal: 0,
      unkept: 0,
    },
    ...told,
    backups,
    restores,
    revisions,
    exceptionLists: [],
    holds: [
      {
        hold: "H-0000-0000-0001",
        matter: "AZ-2026/7",
        reason: "litigation" as const,
        kind: "rows" as const,
        ref: null,
        store: "shop",
        table: "invoices",
        repository: null,
        backup: null,
        from: "2026-01-01",
        to: null,
        placed: "2026-11-01T09:00:00.000Z",
        until: "2027-12-31",
        released: null,
        waiting: 2,
      },
    ],
    expiry: {
      ended: [
        {
          store: "shop",
          table: "invoices",
          as: "erase" as const,
          requests: 12,
          rows: 30,
          basis: voucher,
          complete: 9,
        },
      ],
      expired: [
        {
          store: "shop",
          table: "invoices",
          treatment: "erase" as const,
          rows: 1204,
          class: "voucher",
          basis: voucher,
          through: "2017-12-31",
          first: "2017-01-02",
          last: "2017-12-31",
        },
      ],
      rest: [
        {
          store: "shop",
          table: "invoices",
          waiting: 3,
          withoutClock: 2,
          indexed: false,
          proposal: ["create index concurrently on invoices (issued_on);"],
        },
      ],
    },
    ledger: { from: 118, size: 409, root: "c3".repeat(32) },
    signature: { algorithm: "Ed25519", keyId: "0123456789abcdef" },
    limits: limitsOf(
      readAt,
      { stores: [{ name: "shop", schemas: ["public"] }], columnStores: [] },
      { backups, restores, ...told },
      { labels: ["de-identified"], totals: true },
    ),
  };
};
