import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import exceljs from "exceljs";
import { expect, test } from "vitest";
import type { StayPlace } from "#report/outcome-document.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import type { ReportHead } from "#report/report-source.ts";
import { runReport } from "#reports/run-report.ts";
import { sampleSource } from "#test/report/sample-source.ts";

/** The panel of that title: its words and numbers from above, a row each. */
const panelOf = async (change: Partial<ReportHead>, title: string): Promise<readonly string[]> => {
  const source = sampleSource(4);
  const output = new PassThrough();
  const [bytes] = await Promise.all([
    buffer(output),
    renderWorkbook({ ...source, head: { ...source.head, ...change } }, runReport, output),
  ]);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.load(bytes as unknown as exceljs.Buffer);
  const sheet = workbook.getWorksheet("Summary");
  let place = [0, 0];
  sheet?.eachRow((row, number) =>
    row.eachCell((cell, column) => {
      if (cell.text === title && place[0] === 0) place = [number, column];
    }),
  );
  const [top = 0, left = 0] = place;
  const lines: string[] = [];
  for (let row = top + 1; ; row += 1) {
    const [label, value] = [sheet?.getCell(row, left), sheet?.getCell(row, left + 2)];
    if (label === undefined || label.text === "") return lines;
    lines.push(typeof value?.value === "number" ? `${label.text} ${value.value}` : label.text);
  }
};

const place = (table: string, column = "c", store = "warehouse"): StayPlace => ({
  store,
  table,
  column,
  rows: 2,
  why: "because",
  until: null,
  requests: 1,
});
const stays = "Personal data that stays, columns by table";

test("tables with long names are told apart, and of those that have no room it is said how many they are", async () => {
  const places = Array.from({ length: 200 }, (_, n) => place(`analytics.customer_event_stream_${n}`));
  expect(await panelOf({ stays: { places } }, stays)).toEqual([
    ...[0, 1, 2, 3, 4, 5].map((n) => `analytics.cu…nt_stream_${n} 1`),
    "… and 194 more",
    "200 columns in all, 200 without a date: see What stays.",
  ]);
});

test("which store a table is of is said where there are several, and as many as there is room for are all listed", async () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const places = [...names.map((name) => place(name)), place("a", "c", "shop"), place("a", "d", "shop")];
  expect((await panelOf({ stays: { places } }, stays)).slice(0, -1)).toEqual([
    "shop: a 2",
    ...names.map((name) => `warehouse: ${name} 1`),
  ]);
  expect((await panelOf({ stays: { places: [place("a")] } }, stays))[0]).toBe("a 1");
});

test("a repository with exceptions is never among those that have no room", async () => {
  const [sample] = sampleSource(1).head.backups;
  if (sample === undefined) throw new Error("the sample has lost its backups");
  const backups = Array.from({ length: 12 }, (_, n) => ({
    ...sample,
    repository: `repository-${n}`,
    exceptions: n === 11 ? sample.exceptions : [],
  }));
  expect(await panelOf({ backups }, "Backups kept")).toEqual([
    ...[11, 0, 1, 2, 3, 4].map((n) => `repository-${n} 30`),
    "… and 6 more",
    "The oldest was taken on 2026-10-03. 1 exception, see Exceptions.",
  ]);
});
