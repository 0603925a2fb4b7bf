import { readFile } from "node:fs/promises";
import { join } from "node:path";
import exceljs, { type Workbook } from "exceljs";
import { Temporal } from "temporal-polyfill";
import { afterEach, expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { appendEntries } from "#ledger/append.ts";
import { exportPeriod } from "#report/export-period.ts";
import { reportDocument, type ReportDocument } from "#report/report-document.ts";
import { openNight } from "#test/execute/night.ts";
import { fillState, finishRun, nightRun } from "#test/report/fill-state.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let lethe: TestContext;
afterEach(() => lethe.dispose());

type Exported = { readonly document: ReportDocument; readonly workbook: Workbook };

const exported = async (): Promise<Exported> => {
  const directory = join(lethe.directory, "audit");
  await exportPeriod(lethe.at("2026-12-01T02:00:00Z"), { from: "2026-11-01", to: "2026-11-30" }, directory);
  await verifyBundle(directory, await readFile(lethe.keys.public, "utf8"));
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(join(directory, "report.xlsx"));
  const document = reportDocument.parse(JSON.parse(await readFile(join(directory, "report.json"), "utf8")));
  return { document, workbook };
};

/** The rows of a sheet whose first cell is one of these, as text. */
const linesOf = (workbook: Workbook, sheet: string, ...first: readonly string[]): string[][] => {
  const lines: string[][] = [];
  workbook.getWorksheet(sheet)?.eachRow((row) => {
    if (first.includes(row.getCell(1).text)) lines.push((row.values as unknown[]).slice(1).map(String));
  });
  return lines;
};

const second = "20261103T010000Z-AAAAAA";

/** The night of the second, and one more after it. */
const twoNights = async (between: () => Promise<unknown>): Promise<void> => {
  const backups = [{ name: "dumps", kind: "directory" as const, store: "shop", path: "backups", keepDays: 30 }];
  lethe = await testContext({ now: "2026-11-04T01:01:02Z", backups });
  await fillState(lethe.context.state, 48);
  await lethe.state.query(
    `insert into lethe.run (id, job, started_at, ledger_from)
     select $1, 'nightly', '2026-11-03T01:00:00Z', (select size from lethe.ledger_head)`,
    [second],
  );
  await between();
  await finishRun(lethe.context.state, second, "2026-11-03T01:01:00.000Z");
};

test("a request whose rows went in two nights is one request, and what was spared both times was spared once", async () => {
  await twoNights(() =>
    lethe.state.query(
      `insert into lethe.disposition (request_id, store, table_name, treatment, rows, spared, basis, until_first, until_last, run_id, exception)
       select request_id, store, table_name, treatment, 1, spared, basis, until_first, until_last, $1, exception
       from lethe.disposition where table_name in ('addresses', 'invoices')`,
      [second],
    ),
  );
  const { document, workbook } = await exported();
  const of = (table: string) => document.dispositions.find((item) => item.table === table);
  expect(of("addresses")).toMatchObject({ requests: 12, rows: 36, spared: 12 });
  expect(of("invoices")).toMatchObject({ requests: 12, rows: 48, spared: 0 });
  expect(document.retained).toMatchObject([{ table: "invoices", requests: 12, rows: 48 }]);
  expect(linesOf(workbook, "Retained", "shop")[0]?.slice(1, 4)).toEqual(["invoices", "48", "12"]);
});

test("an exception that every night tells again is told once, and one that has gone meanwhile is not told", async () => {
  await twoNights(() =>
    lethe.context.state.db.transaction().execute((tx) =>
      appendEntries(
        tx,
        [
          { kind: "backup.exception", repository: "dumps", name: "a.dump", code: "BACKUP_CHECKSUM", breach: null },
          { kind: "backup.exception", repository: "dumps", name: "b.dump", code: "BACKUP_VANISHED", breach: null },
        ],
        { at: Temporal.Instant.from("2026-11-02T01:01:00Z"), run: nightRun },
      ),
    ),
  );
  const { document, workbook } = await exported();
  const told = [
    { name: "b.dump", code: "BACKUP_VANISHED", breach: null },
    { name: "shop-31.dump", code: "BACKUP_LAST_GOOD", breach: "2026-11-01" },
  ];
  expect(document.backups[0]?.exceptions.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual(told);
  const listed = linesOf(workbook, "Exceptions", "backup exception", "backup kept too long");
  expect(new Set(listed.map(([, name]) => name))).toEqual(new Set(told.map(({ name }) => name)));
  expect(listed).toHaveLength(2);
});

test("personal data that was found and cleaned stands in the report of both nights, as nothing to do", async () => {
  const night = await openNight({
    now: "2026-11-02T02:00:00Z",
    schema: `create table customers (id int primary key, email text);
      create table notes (id int primary key, body text, more text);
      insert into customers select n, 'person' || n || '@shop.example' from generate_series(1, 3) n;
      insert into notes values (1, 'call person1@shop.example', null), (2, 'call person2@shop.example', 'or person2@shop.example')`,
    tables: `
customers: { treatment: erase }
notes: { treatment: keep, reason: internal }`,
  });
  lethe = night;
  const [first = "", both = ""] = await night.ask({ email: "person1@shop.example" }, { email: "person2@shop.example" });
  await night.nightly(night.at("2026-11-02T02:00:00Z"));
  await night.store.query("update notes set body = 'gone'");
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect((await night.requests(first, both)).map(({ state }) => state)).toEqual(["completed", "failed"]);

  const { document, workbook } = await exported();
  const places = document.residuals.map(
    ({ ref, column, open }) => `${ref === first ? "first" : "both"} ${column} ${open}`,
  );
  expect(places.toSorted((a, b) => a.localeCompare(b))).toEqual([
    "both body false",
    "both more true",
    "first body false",
  ]);
  const todo = linesOf(workbook, "Exceptions", "personal data found");
  expect(todo.map(([, ref, , , , place]) => [ref, place])).toEqual([[both, "shop: notes.more (1 row)"]]);
  const gone = linesOf(workbook, "Exceptions", "shop").map(([, ref = "", , place]) => [ref, place]);
  expect(new Map(gone as [string, string][])).toEqual(new Map([first, both].map((ref) => [ref, "notes.body"])));
  const summary = workbook.getWorksheet("Summary");
  const counted: unknown[] = [];
  summary?.eachRow((row, number) =>
    row.eachCell((cell, column) => {
      if (cell.text === "places with residuals") counted.push(summary.getCell(number - 1, column).value);
    }),
  );
  expect(new Set(counted)).toEqual(new Set([1]));
});
