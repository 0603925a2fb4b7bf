import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import exceljs, { type Workbook, type Worksheet } from "exceljs";
import { expect, test } from "vitest";
import { renderWorkbook } from "#report/render-workbook.ts";
import type { ReportSource } from "#report/report-source.ts";
import { runReport } from "#reports/run-report.ts";
import { each, sampleSource } from "#test/report/sample-source.ts";

const opened = async (source: ReportSource, rowsPerSheet = 1_048_576): Promise<Workbook> => {
  const output = new PassThrough();
  const [bytes] = await Promise.all([buffer(output), renderWorkbook(source, runReport, output, { rowsPerSheet })]);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.load(bytes as unknown as exceljs.Buffer);
  return workbook;
};

const partsOf = (workbook: Workbook, name: string): Worksheet[] =>
  workbook.worksheets.filter((sheet) => sheet.name === name || sheet.name.startsWith(`${name} (`));

/** What is in the first column below the heading of a sheet, by row. */
const firstColumn = (sheet: Worksheet | undefined): [number, string][] => {
  const found: [number, string][] = [];
  sheet?.eachRow((row, number) => number > 3 && found.push([number, row.getCell(1).text]));
  return found;
};

const set = { repository: "r", sha256: "ab".repeat(32), bytes: 1, taken: "2026-10-02T00:00:00.000Z" };
const listed = { ...set, state: "listed" as const, purgedAt: null, verifiedAt: null };
const withSets = (count: number): ReportSource =>
  sampleSource(1, { backupSets: () => each(Array.from({ length: count }, (_, n) => ({ ...listed, name: `s${n}` }))) });

test.each([
  [36, [40, 42, 43, 44], []],
  [37, [41], [4, 5, 6]],
  [40, [44], [4, 5, 6]],
  [41, [44], [4, 5, 7, 8, 9]],
])(
  "a second table that ends with the sheet stands on it, or on the next as a whole: %i rows, then 3",
  async (count, last, next) => {
    const [first, second, ...others] = partsOf(await opened(withSets(count), 44), "Backups");
    const rows = firstColumn(first).map(([row]) => row);
    expect(rows.slice(-last.length)).toEqual(last);
    expect(firstColumn(second).map(([row]) => row)).toEqual(next);
    expect(others).toEqual([]);
    const restores = firstColumn(second ?? first).slice(-3);
    expect(restores.map(([, text]) => text)).toEqual(["Stores that were restored", "Store", "shop"]);
  },
);

test.each([9, 10, 15])("no sheet is longer than it may be, and each row stands on one: %i rows", async (limit) => {
  const whole = await opened(sampleSource(12));
  const parts = await opened(sampleSource(12), limit);
  for (const { name } of whole.worksheets.filter((sheet) => !["Summary", "Backup calendar"].includes(sheet.name))) {
    const sheets = partsOf(parts, name);
    expect(Math.max(...sheets.map(({ rowCount }) => rowCount))).toBeLessThanOrEqual(limit);
    const texts = (of: readonly Worksheet[]): Set<string> =>
      new Set(of.flatMap((sheet) => firstColumn(sheet).map(([row]) => JSON.stringify(sheet.getRow(row).values))));
    expect(texts(sheets)).toEqual(texts(partsOf(whole, name)));
  }
});

test("of several tables on a sheet the first has its header in sight, on every page of paper, and a filter", async () => {
  const workbook = await opened(sampleSource(40));
  const [backups] = partsOf(workbook, "Backups");
  expect(backups?.views[0]).toMatchObject({ state: "frozen", ySplit: 4 });
  expect(backups?.pageSetup.printTitlesRow).toBe("4:4");
  expect(backups?.autoFilter).toBe("A4:H40");
  // Below a title of its own.
  const [expired] = partsOf(workbook, "Expired");
  expect(expired?.views[0]).toMatchObject({ state: "frozen", ySplit: 5 });
  expect(expired?.pageSetup.printTitlesRow).toBe("5:5");
  expect(expired?.autoFilter).toBe("A5:I6");
});

test("where another than the first is the one to look through, it is repeated and filtered, and nothing is frozen above it", async () => {
  const [analytics] = partsOf(await opened(sampleSource(40)), "Analytics");
  const [header] = firstColumn(analytics).find(([row]) => analytics?.getRow(row).getCell(3).text === "Measure") ?? [];
  expect(analytics?.views[0]).toMatchObject({ state: "normal" });
  expect(analytics?.pageSetup.printTitlesRow).toBe(`${header}:${header}`);
  expect(analytics?.autoFilter).toBe(`A${header}:I${analytics?.rowCount}`);
});

test("the rows of a table that goes on have their header in sight on the next sheet, and a filter there too", async () => {
  const [, second] = partsOf(await opened(withSets(50), 44), "Backups");
  expect(second?.views[0]).toMatchObject({ state: "frozen", ySplit: 4 });
  expect(second?.autoFilter).toBe("A4:H14");
});
