import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import exceljs from "exceljs";
import { expect, test } from "vitest";
import { cellOf } from "#report/cell.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import { runReport } from "#reports/run-report.ts";
import { sampleSource } from "#test/report/sample-source.ts";

const berlin = "Europe/Berlin";

test.each(["0001-01-01", "1753-01-01", "1899-12-31", "1900-01-01", "1900-02-28"])(
  "a day of which Excel makes another, or none, is written out: %s",
  (day) => {
    expect(cellOf("date", day, berlin)).toBe(day);
    expect(cellOf("until", day, berlin)).toBe(day);
  },
);

test.each(["1900-03-01", "2026-11-02", "9999-12-31"])("a day that Excel knows is a date: %s", (day) => {
  expect(cellOf("date", day, berlin)).toEqual(new Date(`${day}T00:00:00Z`));
  expect(cellOf("until", day, berlin)).toEqual(new Date(`${day}T00:00:00Z`));
});

test("an instant is the wall clock of the controller's time zone, written out where Excel has none", () => {
  expect(cellOf("instant", "2026-11-01T23:30:00.000Z", berlin)).toEqual(new Date("2026-11-02T00:30:00Z"));
  expect(cellOf("date", "2026-11-01T23:30:00.000Z", berlin)).toEqual(new Date("2026-11-02T00:00:00Z"));
  expect(cellOf("instant", "1900-02-28T22:59:00.000Z", berlin)).toBe("1900-02-28 23:59");
  expect(cellOf("instant", "1900-02-28T23:00:00.000Z", berlin)).toEqual(new Date("1900-03-01T00:00:00Z"));
});

test("the oldest record that expired stands in the workbook as the day that the database told", async () => {
  const source = sampleSource(1);
  const [item] = source.head.expiry.expired;
  if (item === undefined) throw new Error("the sample has lost its expired records");
  const expiry = { ...source.head.expiry, expired: [{ ...item, first: "0001-01-01", last: "1900-01-01" }] };
  const output = new PassThrough();
  const [bytes] = await Promise.all([
    buffer(output),
    renderWorkbook({ ...source, head: { ...source.head, expiry } }, runReport, output),
  ]);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.load(bytes as unknown as exceljs.Buffer);
  const cells = [8, 9].map((column) => workbook.getWorksheet("Expired")?.getRow(6).getCell(column).value);
  expect(cells).toEqual(["0001-01-01", "1900-01-01"]);
});
