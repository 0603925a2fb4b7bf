import { expect, test } from "vitest";
import { runScreen } from "#cli/run-screen.ts";
import type { RunSummary } from "#records/run.ts";

const summary: RunSummary = {
  run: "20261102T020000Z-ABCDEF",
  outcome: "attention",
  requests: { received: 1200, done: 1000, refused: 20, withdrawn: 5, pending: 170, failed: 5, blocked: 7, overdue: 2 },
  steps: [
    { store: "shop", table: "addresses", treatment: "erase", rows: 1234, spared: 0 },
    { store: "shop", table: "invoices", treatment: "retain", rows: 20, spared: 1 },
  ],
  backups: { purged: 3, kept: 30, oldest: "2026-10-03T01:00:00Z", exceptions: 1 },
  residuals: 2,
  report: "reports/out/20261102",
};

test("shows the register as a sum, the steps, the backups, what was found and where the report is", () => {
  expect(runScreen(summary, 80)).toMatchInlineSnapshot(`
    "run        20261102T020000Z-ABCDEF  ended; something needs a person
    requests   1,200 received = 1,000 done + 20 refused + 5 withdrawn + 170 pending + 5 failed
               of the pending, 7 blocked and 2 overdue
    backups    3 purged, 30 kept, oldest of 2026-10-03T01:00:00Z, 1 exceptions
    residuals  2 found after erasure
    report     reports/out/20261102

    store  table      treatment   rows  spared
    shop   addresses  erase      1,234
    shop   invoices   retain        20       1"
  `);
});

test("says nothing of a report or of steps that there are not", () => {
  const text = runScreen({ ...summary, outcome: "done", steps: [], report: null, residuals: 0 }, 80);
  expect(text).not.toMatch(/report|treatment/);
  expect(text).toContain("none found");
});
