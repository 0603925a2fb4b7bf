import { chmod, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import exceljs from "exceljs";
import { Temporal } from "temporal-polyfill";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { appendEntries } from "#ledger/append.ts";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
import { exportPeriod } from "#report/export-period.ts";
import { listReports } from "#report/list-reports.ts";
import { assertReportsWritable, publishReport, publishReports } from "#report/publish.ts";
import { reportDocument, type ReportDocument } from "#report/report-document.ts";
import { canaries, fillState, finishRun, hostileTable, nightRun } from "#test/report/fill-state.ts";
import { unzipped } from "#test/flow/unzip.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let lethe: TestContext;
beforeEach(async () => {
  const backups = [{ name: "dumps", kind: "directory" as const, store: "shop", path: "backups", keepDays: 30 }];
  lethe = await testContext({ now: "2026-11-02T01:01:02Z", backups });
});
afterEach(() => lethe.dispose());

const documentOf = async (directory: string): Promise<ReportDocument> =>
  reportDocument.parse(JSON.parse(await readFile(join(directory, "report.json"), "utf8")));

const publishNight = async (requests: number): Promise<string> => {
  await fillState(lethe.context.state, requests);
  await writeCheckpoint(lethe.context, nightRun);
  return (await publishReport(lethe.context, nightRun)).directory;
};

test("a published bundle verifies offline and holds a report of the right form", async () => {
  const directory = await publishNight(48);
  expect((await readdir(directory)).toSorted()).toEqual([
    "checkpoint",
    "entries.jsonl",
    "report.json",
    "report.xlsx",
    "statement.dsse.json",
  ]);
  const verified = await verifyBundle(directory, await readFile(lethe.keys.public, "utf8"));
  expect(verified.about).toMatchObject({
    run: nightRun,
    period: null,
    controller: "Shop GmbH",
    policies: ["d1".repeat(32)],
  });
  expect(await readdir(join(directory, ".."))).toEqual([nightRun]);
});

test("the report says what the tables say: register, dispositions, backups, what stopped", async () => {
  const document = await documentOf(await publishNight(48));
  expect(document.run).toMatchObject({ id: nightRun, outcome: "attention", tool: "lethe 0.1.0" });
  expect(document.requests.counts).toEqual({
    received: 48,
    done: 12,
    refused: 4,
    withdrawn: 4,
    pending: 24,
    failed: 4,
    blocked: 4,
    overdue: document.requests.overdue.filter(({ state }) => state !== "failed").length,
  });
  expect(document.requests.counts.overdue).toBeGreaterThan(0);
  expect(document.requests.overdue.at(-1)).toMatchObject({ state: "failed" });
  expect(document.requests.items).toHaveLength(48);
  for (const { ref, state, daysLate } of document.requests.overdue) {
    expect(document.requests.items.find((item) => item.ref === ref)).toMatchObject({
      daysLeft: -daysLate,
      outcome: state === "failed" ? "failed" : "pending",
    });
  }
  expect(document.dispositions).toContainEqual({
    store: "shop",
    table: "invoices",
    treatment: "retain",
    rows: 36,
    spared: 0,
    requests: 12,
    basis: "HGB §257",
    until: { first: "2031-01-01", last: "2032-01-01" },
    exception: "b",
  });
  expect(document.retained.map(({ table, rows, exception }) => [table, rows, exception])).toEqual([
    ["invoices", 36, "b"],
  ]);
  expect(document.backups).toMatchObject([
    {
      repository: "dumps",
      keepDays: 30,
      kept: 30,
      oldest: "2026-10-03T00:30:00.000Z",
      exceptions: [{ code: "BACKUP_LAST_GOOD" }],
    },
  ]);
  expect(document.backups[0]?.purged.map(({ name }) => name)).toEqual(["shop-31.dump", "shop-32.dump", "shop-33.dump"]);
  expect(document.failures).toHaveLength(4);
  expect(document.failures[0]).toMatchObject({ code: "RESIDUAL", detail: { hint: expect.stringContaining("policy") } });
  expect(
    document.blocks
      .map(({ state }) => state)
      .toSorted()
      .at(0),
  ).toBe("blocked");
  expect(document.blocks).toHaveLength(8);
  expect(document.residuals).toMatchObject([{ store: "shop", table: "tickets", column: "note", rows: 2 }]);
  expect(document.policies).toEqual([{ store: "shop", name: null, version: null, digest: "d1".repeat(32) }]);
  expect(document.analytics.anonymity).toMatchObject([{ k: 4, threshold: 5, met: false, label: "de-identified" }]);
  expect(document.limits.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["BACKUP_ABSENCE", "DE_IDENTIFIED", "MEASURED", "TOTALS_WITHHELD"]),
  );
});

test("the report says from which backup one can restore, as the ledger tells of each night", async () => {
  await fillState(lethe.context.state, 12);
  const verified = { name: "shop-1.dump", sha256: "ab".repeat(32) };
  const inventory = { kind: "backup.inventory", repository: "dumps", digest: "cd".repeat(32), sets: 30 } as const;
  const at = Temporal.Instant.from("2026-11-02T01:01:00Z");
  await lethe.context.state.db
    .transaction()
    .execute((tx) =>
      appendEntries(tx, [{ ...inventory, bytes: 1, oldest: null, log: null, verified }], { at, run: nightRun }),
    );
  await writeCheckpoint(lethe.context, nightRun);
  const { directory } = await publishReport(lethe.context, nightRun);
  const seen = { ...verified, at: "2026-11-02T01:01:00.000Z" };
  expect((await documentOf(directory)).backups).toMatchObject([{ verified: seen }]);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(join(directory, "report.xlsx"));
  const found: unknown[] = [];
  workbook.getWorksheet("Backups")?.eachRow((row) => {
    if (row.getCell(7).value instanceof Date) found.push([row.getCell(2).value, row.getCell(7).value]);
  });
  // An hour ahead of UTC: a workbook knows no time zones.
  expect(found).toEqual([["shop-1.dump", new Date("2026-11-02T02:01:00Z")]]);
});

test("totals of few events are withheld, with the next smallest that would give them away, and are still compared", async () => {
  const { analytics } = await documentOf(await publishNight(48));
  const counts = analytics.conserved.filter(({ measure }) => measure === "count");
  expect(counts.map(({ period, before }) => [period, before])).toEqual([
    ["2026-01-01", null],
    ["2026-02-01", null],
    ["2026-03-01", "55"],
    ["2026-04-01", "60"],
  ]);
  expect(analytics.conserved.every(({ equal }) => equal)).toBe(true);
});

test("a night with fewer subjects than the threshold publishes no totals at all", async () => {
  const { analytics } = await documentOf(await publishNight(8));
  expect(analytics.conserved).toHaveLength(8);
  expect(analytics.conserved.every(({ before, after }) => before === null && after === null)).toBe(true);
});

test("nor does it publish them of a table of which nothing is measured", async () => {
  await fillState(lethe.context.state, 8);
  await lethe.state.query("delete from lethe.anonymity");
  await writeCheckpoint(lethe.context, nightRun);
  const { analytics } = await documentOf((await publishReport(lethe.context, nightRun)).directory);
  expect(analytics.conserved).toHaveLength(8);
  expect(analytics.conserved.every(({ before, after }) => before === null && after === null)).toBe(true);
});

test("no identifier, key or plan of a subject is in any file of a bundle", async () => {
  const directory = await publishNight(24);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(join(directory, "report.xlsx"));
  // Charts hold names and numbers of their own, which exceljs does not read.
  const parts = await unzipped(join(directory, "report.xlsx"));
  expect(parts).toContain("xl/charts/chart1.xml");
  const texts = [JSON.stringify(workbook.model), parts, lethe.logged()];
  for (const name of await readdir(directory)) texts.push(await readFile(join(directory, name), "latin1"));
  for (const canary of canaries) for (const text of texts) expect(text).not.toContain(canary);
});

test("requests that closed before the previous run ended are counted and left to its report", async () => {
  await publishNight(48);
  const next = "20261103T010000Z-AAAAAA";
  await lethe.state.query(
    `insert into lethe.run (id, job, started_at, ledger_from) values ($1, 'nightly', '2026-11-03T01:00:00Z', 3)`,
    [next],
  );
  await finishRun(lethe.context.state, next, "2026-11-03T01:01:00.000Z");
  const directories = await publishReports(lethe.at("2026-11-03T01:01:02Z"));
  expect(directories).toHaveLength(1);
  const { requests } = await documentOf(directories[0] ?? "");
  expect(requests).toMatchObject({ listed: 28, closedEarlier: 20, counts: { received: 48 } });
  await verifyBundle(directories[0] ?? "", await readFile(lethe.keys.public, "utf8"));
});

test("publishing again changes nothing, and publishReports finds nothing left to do", async () => {
  const directory = await publishNight(12);
  const before = await readFile(join(directory, "statement.dsse.json"), "utf8");
  expect(await publishReport(lethe.at("2026-11-05T00:00:00Z"), nightRun)).toEqual({ directory });
  expect(await publishReports(lethe.context)).toEqual([]);
  expect(await readFile(join(directory, "statement.dsse.json"), "utf8")).toBe(before);
});

test("a bundle that was in place when we died is taken over, a half one is made again", async () => {
  await fillState(lethe.context.state, 12);
  const partial = join(lethe.context.config.reports.directory, `.${nightRun}.partial`);
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, "report.json"), "{");
  const [directory = ""] = await publishReports(lethe.context);
  await verifyBundle(directory, await readFile(lethe.keys.public, "utf8"));
  const statement = await readFile(join(directory, "statement.dsse.json"), "utf8");
  await lethe.state.query("update lethe.run set bundle = null");
  expect(await publishReports(lethe.at("2026-11-05T00:00:00Z"))).toEqual([directory]);
  expect(await readFile(join(directory, "statement.dsse.json"), "utf8")).toBe(statement);
});

test("two publishers at once make one bundle", async () => {
  await fillState(lethe.context.state, 12);
  await writeCheckpoint(lethe.context, nightRun);
  const both = await Promise.all([publishReport(lethe.context, nightRun), publishReport(lethe.context, nightRun)]);
  expect(both[0]).toEqual(both[1]);
  await verifyBundle(both[0].directory, await readFile(lethe.keys.public, "utf8"));
});

test("a directory that is a file is refused at the start of a night, and a report written to it loses nothing", async () => {
  await fillState(lethe.context.state, 12);
  const { directory } = lethe.context.config.reports;
  await writeFile(directory, "not a directory");
  await expect(assertReportsWritable(lethe.context)).rejects.toMatchObject({ code: "REPORT_UNWRITABLE" });
  await expect(publishReports(lethe.context)).rejects.toMatchObject({ code: "REPORT_UNWRITABLE" });
  await rm(directory);
  await assertReportsWritable(lethe.context);
  expect(await publishReports(lethe.context)).toHaveLength(1);
});

test.skipIf(process.getuid?.() === 0)("a read-only directory is refused at the start of a night", async () => {
  const { directory } = lethe.context.config.reports;
  await mkdir(directory);
  await chmod(directory, 0o500);
  await expect(assertReportsWritable(lethe.context)).rejects.toMatchObject({ code: "REPORT_UNWRITABLE" });
  await chmod(directory, 0o700);
});

test("the bundle of a period covers its runs and verifies", async () => {
  await publishNight(24);
  const directory = join(lethe.directory, "audit");
  expect(await exportPeriod(lethe.context, { from: "2026-11-01", to: "2026-11-30" }, directory)).toEqual({ runs: 1 });
  const document = await documentOf(directory);
  expect(document).toMatchObject({ period: { from: "2026-11-01", to: "2026-11-30" }, runs: [{ id: nightRun }] });
  expect(document.dispositions.find(({ table }) => table === hostileTable)?.rows).toBe(6);
  await verifyBundle(directory, await readFile(lethe.keys.public, "utf8"));
});

test.each([
  ["days in the wrong order", "2026-11-30", "2026-11-01", "USAGE"],
  ["a day that does not exist", "2026-02-30", "2026-03-01", "USAGE"],
  ["a period without runs", "2025-01-01", "2025-01-31", "USAGE"],
])("an export for %s is refused", async (_, from, to, code) => {
  await publishNight(12);
  await expect(exportPeriod(lethe.context, { from, to }, join(lethe.directory, "audit"))).rejects.toMatchObject({
    code,
  });
});

test("an export never writes over something", async () => {
  await publishNight(12);
  const period = { from: "2026-11-01", to: "2026-11-30" };
  await expect(exportPeriod(lethe.context, period, join(lethe.directory, "keys"))).rejects.toMatchObject({
    code: "FILE_EXISTS",
  });
});

test("the list names every ended run with its bundle", async () => {
  const directory = await publishNight(12);
  expect(await listReports(lethe.context, "5")).toEqual([
    { run: nightRun, job: "nightly", ended: "2026-11-02T01:01:00.000Z", outcome: "attention", bundle: directory },
  ]);
  await expect(listReports(lethe.context, "all")).rejects.toMatchObject({ code: "USAGE" });
});
