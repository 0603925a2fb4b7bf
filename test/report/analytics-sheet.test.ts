import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import exceljs, { type Cell } from "exceljs";
import { expect, test } from "vitest";
import type { AnonymityItem } from "#report/anonymity-document.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import { runReport } from "#reports/run-report.ts";
import { anonymity } from "#test/report/sample-analytics.ts";
import { each, sampleSource } from "#test/report/sample-source.ts";

/** The cells of the first row of the table of the analytics that has a column of that name, by the names of its columns. */
const cellsBelow = async (item: AnonymityItem, header: string): Promise<ReadonlyMap<string, Cell>> => {
  const output = new PassThrough();
  const source = sampleSource(1, { anonymity: () => each([item]) });
  const [bytes] = await Promise.all([buffer(output), renderWorkbook(source, runReport, output)]);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.load(bytes as unknown as exceljs.Buffer);
  const cells = new Map<string, Cell>();
  const sheet = workbook.getWorksheet("Analytics");
  sheet?.eachRow((row, number) => {
    const names = (row.values as unknown[]).map(String);
    if (cells.size > 0 || !names.includes(header)) return;
    for (const [column, name] of names.entries()) if (column > 0) cells.set(name, sheet.getCell(number + 1, column));
  });
  return cells;
};

const valuesOf = (cells: ReadonlyMap<string, Cell>, ...names: readonly string[]): unknown[] =>
  names.map((name) => cells.get(name)?.value);

test("k, l, t and classes are numbers before and after, so that one can sort and compute with them", async () => {
  expect(valuesOf(await cellsBelow(anonymity, "k after"), "k before", "k after", "k wanted")).toEqual([1, 7, 5]);
  const besides = await cellsBelow(anonymity, "t wanted");
  expect(valuesOf(besides, "Classes before", "Classes after", "Alone before", "Alone after")).toEqual([131, 96, 4, 0]);
  expect(valuesOf(besides, "l before", "l after", "l wanted")).toEqual([1, 4, 3]);
  expect(valuesOf(besides, "t before", "t after", "t wanted")).toEqual([0.6192, 0.2231, 0.4]);
  expect([besides.get("Classes after")?.numFmt, besides.get("t after")?.numFmt]).toEqual(["#,##0", "0.0000"]);
  const columns = await cellsBelow(anonymity, "Entropy l");
  expect(valuesOf(columns, "l", "Entropy l", "t")).toEqual([4, 2.81, 0.2231]);
});

test("what was not measured before has no number, and what no policy asks for none that is wanted", async () => {
  const item = { ...anonymity, before: null, least: null, most: null };
  const besides = await cellsBelow(item, "t wanted");
  expect(valuesOf(besides, "Classes before", "l before", "t before", "l wanted", "t wanted")).toEqual(
    Array(5).fill(null),
  );
  expect(valuesOf(besides, "Classes after", "l after", "t after")).toEqual([96, 4, 0.2231]);
});
