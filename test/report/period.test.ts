import { readFile } from "node:fs/promises";
import { join } from "node:path";
import exceljs, { type Workbook } from "exceljs";
import { afterEach, expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { exportPeriod } from "#report/export-period.ts";
import { reportDocument, type ReportDocument } from "#report/report-document.ts";
import { fillState, finishRun } from "#test/report/fill-state.ts";
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
