import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunSummary } from "#records/run.ts";
import { outcomes, treatments } from "#records/treatment.ts";
import { summaryText } from "#report/summary-text.ts";

const timeZone = "Europe/Berlin";

const count = fc.nat({ max: 2 ** 31 });
const amount = fc.oneof(
  fc.bigInt().map(String),
  fc.constantFrom("0", "-0.5", "1234567.125", "99999999999999999999.99"),
);
const counts = fc.record({
  received: count,
  done: count,
  refused: count,
  withdrawn: count,
  pending: count,
  failed: count,
  blocked: count,
  overdue: count,
});
const step = fc.record({
  store: fc.string(),
  table: fc.string({ unit: "grapheme-ascii" }),
  treatment: fc.constantFrom(...treatments),
  rows: count,
  spared: count,
});
const summaries: fc.Arbitrary<RunSummary> = fc.record({
  run: fc.constant("20261102T010000Z-7KQ2MX"),
  outcome: fc.constantFrom("done", "attention", "stopped"),
  requests: counts,
  steps: fc.array(step),
  drills: fc.array(
    fc.record({
      repository: fc.string(),
      store: fc.string(),
      backup: fc.option(fc.string({ unit: "grapheme-ascii" })),
      outcome: fc.constantFrom("clean", "waiting", "failed"),
      code: fc.option(fc.constant("DRILL_FAILED")),
      restored: fc.option(count),
      replayed: fc.option(count),
      repeated: count,
      waiting: count,
    }),
  ),
  expired: fc.array(
    fc.record({
      store: fc.string(),
      table: fc.string({ unit: "grapheme-ascii" }),
      treatment: fc.constantFrom("erase", "anonymise"),
      rows: count,
    }),
  ),
  // Stand below the box.
  indexes: fc.constant([]),
  outcomes: fc.record({
    erased: count,
    anonymised: count,
    retained: count,
    archived_with_pii: count,
    scheduled: count,
    blocked: count,
    failed: count,
  }),
  stays: fc.record({ columns: count, tables: count }),
  figures: fc.array(
    fc.record({
      store: fc.string(),
      figure: fc.string(),
      before: amount,
      after: amount,
      change: amount,
      equal: fc.boolean(),
    }),
  ),
  warnings: fc.record({ dueSoon: count, next: fc.constantFrom(null, "2026-11-05"), notConfirmed: count }),
  tasks: fc.record({ open: count, done: count, failed: count }),
  restores: fc.array(
    fc.record({
      store: fc.string(),
      asOf: fc.constant("2026-11-02T00:30:00.000Z"),
      repeated: count,
      refused: count,
      open: count,
      released: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
  backups: fc.record({
    purged: count,
    kept: count,
    oldest: fc.constantFrom(null, "2026-10-03T00:30:00.000Z"),
    exceptions: count,
  }),
  residuals: count,
  report: fc.constant(null),
});

test("the box is rectangular and no wider than 80 columns or the terminal, whatever it holds", () => {
  fc.assert(
    fc.property(summaries, fc.integer({ min: 40, max: 200 }), fc.boolean(), (summary, width, colour) => {
      const lines = stripVTControlCharacters(summaryText(summary, { timeZone, width, colour })).split("\n");
      for (const line of lines) expect([...line]).toHaveLength(Math.min(80, width));
    }),
  );
});

const quiet = {
  outcomes: Object.fromEntries(outcomes.map((outcome) => [outcome, 0])) as RunSummary["outcomes"],
  stays: { columns: 0, tables: 0 },
  figures: [],
  tasks: { open: 0, done: 0, failed: 0 },
  restores: [],
  expired: [],
  drills: [],
  indexes: [],
  warnings: { dueSoon: 0, next: null, notConfirmed: 0 },
};

const summary: RunSummary = {
  ...quiet,
  run: "20261102T010000Z-7KQ2MX",
  outcome: "attention",
  requests: { received: 41, done: 29, refused: 2, withdrawn: 1, pending: 7, failed: 2, blocked: 4, overdue: 1 },
  steps: [
    { store: "shop", table: "invoices", treatment: "retain", rows: 187, spared: 0 },
    { store: "shop", table: "sessions", treatment: "erase", rows: 4120, spared: 3 },
  ],
  backups: { purged: 15, kept: 30, oldest: "2026-10-03T00:30:00.000Z", exceptions: 0 },
  residuals: 0,
  report: "/srv/reports/out/20261102T010000Z-7KQ2MX",
};

test("it says the same without colour, and no control character gets through", () => {
  const plain = summaryText(summary, { timeZone });
  expect(plain).toBe(stripVTControlCharacters(plain));
  expect(stripVTControlCharacters(summaryText(summary, { timeZone, colour: true }))).toBe(plain);
  expect(summaryText(summary, { timeZone, colour: true })).not.toBe(plain);
});

test("erased tables stand before retained ones, numbers have separators, and the path of the report is whole", () => {
  const text = summaryText(summary, { timeZone, notes: ["Next: sleep."] });
  expect(text.indexOf("sessions")).toBeLessThan(text.indexOf("invoices"));
  expect(text).toContain("4,120  3 spared");
  expect(text).toContain("of which 4 blocked, 1 overdue");
  expect(text.split("\n").slice(-2)).toEqual([`Signed report: ${summary.report}`, "Next: sleep."]);
});

test("what went because its time was over is told, and where an index is missing, the statement that makes it, to be copied", () => {
  const proposal = ["create index concurrently on events (at);", ..."abcdefg"].map(String);
  const text = summaryText(
    {
      ...summary,
      steps: [],
      expired: [
        { store: "shop", table: "events", treatment: "erase", rows: 198_000 },
        { store: "shop", table: "payments", treatment: "anonymise", rows: 50 },
      ],
      indexes: [{ store: "shop", table: "events", proposal }],
    },
    { timeZone },
  );
  expect(text).toMatch(/│ Past their period, in 2 tables +│/);
  expect(text).toMatch(/│ {3}events +gone +198,000 +│/);
  expect(text).toMatch(/│ {3}payments +anonymised +50 +│/);
  expect(text).not.toContain("No records changed");
  expect(text.split("\n").slice(-7)).toEqual([
    "No index finds the old rows of events in shop: every night reads the whole table. To make one:",
    "  create index concurrently on events (at);",
    ..."abcd".split("").map((each) => `  ${each}`),
    "  … and 3 more: see `lethe policy check`",
  ]);
  expect(summaryText(summary, { timeZone })).not.toMatch(/period|index/);
});

test("the oldest backup is of the day that it was where the controller is", () => {
  const late = { ...summary, backups: { ...summary.backups, oldest: "2026-10-02T23:30:00.000Z" } };
  expect(summaryText(late, { timeZone })).toContain("the oldest of 2026-10-03");
  expect(summaryText(late, { timeZone: "UTC" })).toContain("the oldest of 2026-10-02");
});

test("outcomes stand by kind, and a policy that leaves personal data says so plainly", () => {
  const text = summaryText(
    {
      ...summary,
      outcomes: { ...quiet.outcomes, retained: 1200, archived_with_pii: 14 },
      stays: { columns: 57, tables: 12 },
    },
    { timeZone },
  );
  expect(text).toMatch(/│ {3}retained +1,200 {2}█+ +│/);
  expect(text).toContain("! 14 requests left personal data: archived_with_pii");
  expect(text).toContain("Personal data stays in 57 columns of 12 tables");
  expect(text).not.toContain("anonymised  ");
  expect(summaryText(summary, { timeZone })).not.toContain("Outcomes");
});

test("figures stand side by side with what the run changed, to the last digit", () => {
  const figure = { store: "shop", figure: "Revenue", before: "1048211.5025", after: "-47.20", change: "-1048258.7025" };
  const text = summaryText(
    {
      ...summary,
      figures: [
        { ...figure, equal: false },
        { ...figure, figure: "Signups", before: "4120", after: "4122", change: "0", equal: true },
        { ...figure, figure: "Refunds", before: "0", after: "3", change: "3", equal: false },
      ],
    },
    { timeZone },
  );
  expect(text).toContain("Revenue  1,048,211.5025 →         -47.20  -1,048,258.7025");
  expect(text).toMatch(/Signups +4,120 → +4,122 {2}equal/);
  expect(text).toMatch(/Refunds +0 → +3 {2}\+3/);
  expect(summaryText(summary, { timeZone })).not.toContain("Figures");
});

test("what recipients have to do is counted, and what they did not do", () => {
  const text = summaryText({ ...summary, tasks: { open: 1, done: 41, failed: 2 } }, { timeZone });
  expect(text).toContain("Recipients    1 task open, 41 done, 2 failed");
  expect(summaryText(summary, { timeZone })).not.toContain("Recipients");
});

test("a restored store is said to be released, with how many were erased again, or that it must not serve", () => {
  const restore = {
    store: "shop",
    asOf: "2026-11-02T00:30:00.000Z",
    repeated: 12,
    refused: 1,
    open: 0,
    released: true,
  };
  const text = (restores: RunSummary["restores"]): string => summaryText({ ...summary, restores }, { timeZone });
  expect(text([restore])).toContain("Restored      ✓ shop released, 12 erased again, 1 refused");
  expect(text([{ ...restore, open: 3, released: false }])).toContain(
    "Restored      ✗ shop must not serve: 3 requests open",
  );
});
