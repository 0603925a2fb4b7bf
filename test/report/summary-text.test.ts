import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunSummary } from "#records/run.ts";
import { treatments } from "#records/treatment.ts";
import { summaryText } from "#report/summary-text.ts";

const count = fc.nat({ max: 2 ** 31 });
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
      const lines = stripVTControlCharacters(summaryText(summary, { width, colour })).split("\n");
      for (const line of lines) expect([...line]).toHaveLength(Math.min(80, width));
    }),
  );
});

const summary: RunSummary = {
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
  const plain = summaryText(summary);
  expect(plain).toBe(stripVTControlCharacters(plain));
  expect(stripVTControlCharacters(summaryText(summary, { colour: true }))).toBe(plain);
  expect(summaryText(summary, { colour: true })).not.toBe(plain);
});

test("erased tables stand before retained ones, numbers have separators, and the path of the report is whole", () => {
  const text = summaryText(summary, { notes: ["Next: sleep."] });
  expect(text.indexOf("sessions")).toBeLessThan(text.indexOf("invoices"));
  expect(text).toContain("4,120  3 spared");
  expect(text).toContain("of which 4 blocked, 1 overdue");
  expect(text.split("\n").slice(-2)).toEqual([`Signed report: ${summary.report}`, "Next: sleep."]);
});
