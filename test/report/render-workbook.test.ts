import { PassThrough, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import exceljs, { type Workbook, type Worksheet } from "exceljs";
import { expect, test } from "vitest";
import { sha256Hex } from "#lib/canonical.ts";
import type { ReportSource } from "#report/report-source.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import { runReport } from "#reports/run-report.ts";
import { each, sampleSource } from "#test/report/sample-source.ts";

const bytesOf = async (source: ReportSource, rowsPerSheet?: number): Promise<Buffer> => {
  const output = new PassThrough();
  const limits = rowsPerSheet === undefined ? undefined : { rowsPerSheet };
  const [bytes] = await Promise.all([buffer(output), renderWorkbook(source, runReport, output, limits)]);
  return bytes;
};

const opened = async (source: ReportSource, rowsPerSheet?: number): Promise<Workbook> => {
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.load((await bytesOf(source, rowsPerSheet)) as unknown as exceljs.Buffer);
  return workbook;
};

const sheetOf = (workbook: Workbook, name: string): Worksheet => {
  const sheet = workbook.getWorksheet(name);
  if (sheet === undefined) throw new Error(`no sheet ${name}`);
  return sheet;
};

const rowNamed = (sheet: Worksheet, first: string): unknown[] => {
  let found: unknown[] = [];
  sheet.eachRow((row) => {
    if (row.getCell(1).value === first && found.length === 0) found = (row.values as unknown[]).slice(1);
  });
  return found;
};

test("the workbook has its sheets in order, made by Lethe when the run ended", async () => {
  const workbook = await opened(sampleSource(40));
  expect(workbook.worksheets.map(({ name }) => name)).toEqual([
    "Summary",
    "Requests",
    "Outcomes",
    "Dispositions",
    "Retained",
    "Expired",
    "Holds",
    "What stays",
    "Remedies",
    "Figures",
    "Analytics",
    "Recipients",
    "Backup calendar",
    "Backups",
    "Exceptions",
    "Policy & ledger",
  ]);
  expect(workbook.creator).toBe("Lethe");
  expect(workbook.created.toISOString()).toBe("2026-11-02T01:01:02.000Z");
});

test("a table has a frozen header, a filter over its rows, and prints landscape with the header on each page", async () => {
  const sheet = sheetOf(await opened(sampleSource(40)), "Requests");
  expect(sheet.views[0]).toMatchObject({ state: "frozen", ySplit: 4 });
  expect(sheet.autoFilter).toBe("A4:P44");
  expect(sheet.pageSetup).toMatchObject({
    orientation: "landscape",
    fitToPage: true,
    fitToWidth: 1,
    printTitlesRow: "4:4",
  });
  expect(sheet.getColumn(1).width).toBe(18);
});

test("dates are dates, times are the controller's wall clock, numbers are numbers, each with its format", async () => {
  const workbook = await opened(sampleSource(40));
  const requests = sheetOf(workbook, "Requests");
  const row = requests.getRow(5);
  expect(row.getCell(3).value).toEqual(new Date("2026-10-01T00:00:00Z"));
  expect(row.getCell(3).numFmt).toBe("yyyy-mm-dd");
  // 09:12 UTC is 11:12 in Berlin in October.
  expect(row.getCell(6).value).toEqual(new Date("2026-10-01T11:12:00Z"));
  expect(row.getCell(6).numFmt).toBe("yyyy-mm-dd hh:mm");
  expect(rowNamed(requests, "R-AAAA-0000-0006")[4]).toBe(-3);
  const late = requests.getRows(5, 40)?.find((found) => found.getCell(16).text.includes("told after"));
  expect([late?.getCell(2).value, late?.getCell(5).value]).toEqual(["refused", -12]);
  expect(late?.getCell(16).value).toBe(
    "legal-claims, Art. 17(3)(e), ZPO §286; told after 2026-10-21 (GDPR Art. 12(4))",
  );
  const dispositions = sheetOf(workbook, "Dispositions");
  expect(dispositions.getRow(13).getCell(4).value).toBe(1204);
  expect(dispositions.getRow(13).getCell(4).numFmt).toBe("#,##0");
  const analytics = sheetOf(workbook, "Analytics");
  const totals = analytics
    .getRows(1, 60)
    ?.find((found) => found.getCell(3).value === "sum(amount)" && found.getCell(6).type === exceljs.ValueType.Number);
  expect(totals?.getCell(6).value).toBe(1262.5);
  expect(totals?.getCell(8).value).toBe("✓");
});

test("outcomes are filterable and say until when, figures are numbers, and an end without a date is words", async () => {
  const workbook = await opened(sampleSource(40));
  const outcomes = sheetOf(workbook, "Outcomes");
  expect(outcomes.views[0]).toMatchObject({ state: "frozen", ySplit: 4 });
  expect(outcomes.autoFilter).toBe(`A4:H${outcomes.rowCount}`);
  const left = (outcome: string) =>
    outcomes.getRows(5, 30)?.find((row) => row.getCell(3).value === outcome && row.getCell(5).value !== 0);
  expect(left("archived_with_pii")?.getCell(6).value).toBe("no date set");
  expect(left("retained")?.getCell(6).value).toEqual(new Date("2035-01-01T00:00:00Z"));
  expect(left("scheduled")?.getCell(7).value).toEqual(new Date("2026-12-02T02:00:00Z"));
  expect(left("blocked")?.getCell(8).value).toContain("CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS");
  const figures = sheetOf(workbook, "Figures");
  expect(rowNamed(figures, "shop").slice(1)).toEqual(["Payments", 48_211.5, 48_022.4, -189.1, 0, "changed"]);
  expect(figures.getRow(5).getCell(3).numFmt).toBe("#,##0.00######");
});

test("the exceptions list what a person has to do, the urgent first", async () => {
  const sheet = sheetOf(await opened(sampleSource(40)), "Exceptions");
  const kinds: unknown[] = [];
  sheet.eachRow((row, number) => number > 4 && kinds.push(row.getCell(1).value));
  expect([...new Set(kinds)]).toEqual([
    "overdue request",
    "personal data found",
    "failed request",
    "recipient failed",
    "backup kept too long",
    "due records stay",
    "index missing",
    "due soon",
    "blocked request",
  ]);
});

test("since when something waits is a day of the controller's time zone, not of UTC", async () => {
  const failed = {
    ref: "R-AAAA-0000-0003",
    state: "failed" as const,
    code: "CONSTRAINT_VIOLATED",
    since: "2026-11-01T23:30:00.000Z",
    due: "2026-11-20",
    daysLeft: 18,
    detail: {},
  };
  const sheet = sheetOf(await opened(sampleSource(1, { failures: () => each([failed]) })), "Exceptions");
  expect(rowNamed(sheet, "failed request").slice(2, 5)).toEqual([
    new Date("2026-11-20T00:00:00Z"),
    "CONSTRAINT_VIOLATED",
    new Date("2026-11-02T00:00:00Z"),
  ]);
});

test("a missing index is proposed as the statement that makes it", async () => {
  const workbook = await opened(sampleSource(40));
  const proposal = "create index concurrently on invoices (issued_on);";
  expect(rowNamed(sheetOf(workbook, "Exceptions"), "index missing").join(" ")).toContain(proposal);
  expect(JSON.stringify(sheetOf(workbook, "Expired").getSheetValues())).toContain(`missing: ${proposal}`);
});

const hostile = [
  `=cmd|'/c calc'!A1`,
  "+1+1",
  "-2+3",
  "@SUM(A1)",
  "\t=1+1",
  `=HYPERLINK("http://x.example","y")`,
  "a\u0000b\u001Bc",
  "\uD800",
];

test("names that look like formulas stay text in text cells, and characters that XML cannot carry are replaced", async () => {
  const backup = {
    repository: "r",
    sha256: "ab".repeat(32),
    bytes: 1,
    taken: "2026-10-02T00:00:00.000Z",
    state: "listed" as const,
    purgedAt: null,
    verifiedAt: null,
  };
  const source = sampleSource(1, { backupSets: () => each(hostile.map((name) => ({ ...backup, name }))) });
  const sheet = sheetOf(await opened(source), "Backups");
  const cells = hostile.map((_, index) => sheet.getRow(5 + index).getCell(2));
  for (const cell of cells) {
    expect(cell.type).toBe(exceljs.ValueType.String);
    expect(cell.formula).toBeUndefined();
    expect(cell.numFmt).toBe("@");
  }
  expect(cells.slice(0, 4).map((cell) => cell.value)).toEqual(hostile.slice(0, 4));
  expect(cells.at(-2)?.value).toBe("a\uFFFDb\uFFFDc");
  expect(cells.at(-1)?.value).toBe("\uFFFD");
});

test("no cell of any sheet holds a formula", async () => {
  const workbook = await opened(sampleSource(40));
  for (const sheet of workbook.worksheets) {
    sheet.eachRow((row) =>
      row.eachCell((cell) => expect([exceljs.ValueType.Formula, exceljs.ValueType.Hyperlink]).not.toContain(cell.type)),
    );
  }
});

test("rows that do not fit on a sheet continue on the next, each with its header and filter", async () => {
  const workbook = await opened(sampleSource(100), 44);
  const parts = workbook.worksheets.filter(({ name }) => name.startsWith("Requests"));
  expect(parts.map(({ name }) => name)).toEqual(["Requests", "Requests (2)", "Requests (3)"]);
  expect(parts.map(({ autoFilter }) => autoFilter)).toEqual(["A4:P44", "A4:P44", "A4:P24"]);
  expect(parts[2]?.getRow(4).getCell(1).value).toBe("Reference");
});

test("an empty table says so", async () => {
  const source = sampleSource(0, { dispositions: () => each([]), backupSets: () => each([]) });
  expect(
    sheetOf(await opened(source), "Dispositions")
      .getRow(5)
      .getCell(1).value,
  ).toBe("This run changed no records.");
});

test("the same report gives the same bytes", async () => {
  const [first, second] = [await bytesOf(sampleSource(200)), await bytesOf(sampleSource(200))];
  expect(sha256Hex(first)).toBe(sha256Hex(second));
});

test("an output that fails ends the rendering with its error", async () => {
  let written = 0;
  const output = new Writable({
    write: (chunk: Buffer, _, done) => {
      written += chunk.length;
      done(written > 20_000 ? new Error("disk full") : null);
    },
  });
  await expect(renderWorkbook(sampleSource(20_000), runReport, output)).rejects.toThrow("disk full");
});

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("50,000 requests need no more memory than 5,000", async () => {
  const used: number[] = [];
  const sample = sampleSource(50_000);
  const source = sampleSource(50_000, {
    overdue: () => each([]),
    failures: () => each([]),
    blocks: () => each([]),
    requests: async function* () {
      let row = 0;
      for await (const item of sample.rows.requests()) {
        row += 1;
        if (row === 5_000 || row === 49_900) {
          collectGarbage();
          const { heapUsed, external } = process.memoryUsage();
          used.push(heapUsed + external);
        }
        yield item;
      }
    },
  });
  await renderWorkbook(source, runReport, new Writable({ write: (_, __, done) => done() }));
  const [few = 0, many = 0] = used;
  expect(used).toHaveLength(2);
  expect((many - few) / 1_048_576).toBeLessThan(16);
});
