import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import exceljs, { type Workbook } from "exceljs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AnonymityItem } from "#report/anonymity-document.ts";
import { inkOf } from "#report/palette.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import { runReport } from "#reports/run-report.ts";
import { anonymity } from "#test/report/sample-analytics.ts";
import { each, sampleSource } from "#test/report/sample-source.ts";
import { all, one, parsed, partsOf, type Node } from "#test/report/workbook-parts.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-charts-"));
});
afterEach(() => rm(directory, { recursive: true }));

const written = async (items: readonly AnonymityItem[], rowsPerSheet?: number): Promise<string> => {
  const path = join(directory, "report.xlsx");
  const limits = rowsPerSheet === undefined ? undefined : { rowsPerSheet };
  await renderWorkbook(sampleSource(4, { anonymity: () => each(items) }), runReport, createWriteStream(path), limits);
  return path;
};

const opened = async (path: string): Promise<Workbook> => {
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(path);
  return workbook;
};

/** The charts that lie on a sheet, found as a program finds them: along the relationships. */
const chartsOn = async (path: string, sheet: string): Promise<{ frame: Node; chart: Node }[]> => {
  const parts = await partsOf(path);
  const part = async (name: string): Promise<Node> => parsed(parts.get(name) ?? "");
  const targetOf = async (name: string, id: string | undefined): Promise<string> => {
    const relationships = await part(join(dirname(name), "_rels", `${name.slice(dirname(name).length + 1)}.rels`));
    const found = all(relationships, "Relationship").find(({ attributes }) => attributes["Id"] === id);
    return join(dirname(name), found?.attributes["Target"] ?? "?");
  };
  const listed = all(await part("xl/workbook.xml"), "sheet").find(({ attributes }) => attributes["name"] === sheet);
  const sheetPart = await targetOf("xl/workbook.xml", listed?.attributes["r:id"]);
  const [drawing] = all(await part(sheetPart), "drawing");
  if (drawing === undefined) return [];
  const drawingPart = await targetOf(sheetPart, drawing.attributes["r:id"]);
  return Promise.all(
    all(await part(drawingPart), "xdr:graphicFrame").map(async (frame) => ({
      frame,
      chart: await part(await targetOf(drawingPart, one(frame, "c:chart").attributes["r:id"])),
    })),
  );
};

/** What a chart remembers of cells, and what the cells say to which it refers. */
const comparedWith = (workbook: Workbook, chart: Node): { cached: unknown[]; cells: unknown[] }[] =>
  [...all(chart, "c:strRef"), ...all(chart, "c:numRef")].map((reference) => {
    const [, sheet = "", from = "", to = from] =
      /^'(.+)'!(\$[A-Z]+\$\d+)(?::(\$[A-Z]+\$\d+))?$/.exec(one(reference, "c:f").text) ?? [];
    const worksheet = workbook.getWorksheet(sheet.replaceAll("''", "'"));
    const [first, last] = [worksheet?.getCell(from), worksheet?.getCell(to)];
    const cells = [];
    for (let row = Number(first?.row); row <= Number(last?.row); row++) {
      cells.push(worksheet?.getCell(row, Number(first?.col)).text);
    }
    return { cached: all(reference, "c:v").map(({ text }) => text), cells };
  });

const titleOf = (chart: Node): string => all(one(chart, "c:chart").children[0] as Node, "a:t")[0]?.text ?? "";

test("every part is well-formed, every part but relationships has a content type, and every relationship leads to a part", async () => {
  const parts = await partsOf(await written([anonymity]));
  const typed = all(await parsed(parts.get("[Content_Types].xml") ?? ""), "Override").map((node) => node.attributes);
  expect(typed.map((type) => type["PartName"])).toEqual([...new Set(typed.map((type) => type["PartName"]))]);
  for (const [name, xml] of parts) {
    const root = await parsed(xml);
    if (name.endsWith(".rels")) {
      const base = dirname(dirname(name));
      for (const { attributes } of all(root, "Relationship")) {
        expect(parts.has(join(base, attributes["Target"] ?? "?"))).toBe(true);
      }
    } else if (name !== "[Content_Types].xml") {
      expect(typed.map((type) => type["PartName"])).toContain(`/${name}`);
    }
  }
  const kind = (name: string): string | undefined =>
    typed
      .find((type) => type["PartName"] === name)
      ?.["ContentType"]?.split(".")
      .at(-1);
  expect(kind("/xl/charts/chart1.xml")).toBe("chart+xml");
  expect(kind("/xl/drawings/drawing1.xml")).toBe("drawing+xml");
});

test("beside the class sizes of each measured table lies their chart: rows before and after, and the finding as its title", async () => {
  const other = { ...anonymity, table: "page_views", below: 12 };
  const path = await written([anonymity, other]);
  const charts = await chartsOn(path, "Analytics");
  expect(charts.map(({ chart }) => titleOf(chart))).toEqual([
    "No row is left in a class smaller than 5: 31 were before",
    "12 rows in classes smaller than 5, 31 before",
  ]);
  const [first] = charts;
  expect(one(first?.frame as Node, "xdr:cNvPr").attributes["descr"]).toBe(
    "No row is left in a class smaller than 5: 31 were before. Rows of analytics_events in shop by the size of their class. " +
      "1 (alone): 4, then 0; 4–7: 61, then 20; 64–127: 2,410, then 2,010; 256–511: 38,729, then 21,600; 1,024 or more: 0, then 17,574.",
  );
  const series = all(first?.chart as Node, "c:ser");
  expect(series.map((node) => all(one(node, "c:tx"), "c:v").map(({ text }) => text))).toEqual([
    ["Rows before"],
    ["Rows after"],
  ]);
  expect(series.map((node) => all(one(node, "c:val"), "c:v").map(({ text }) => Number(text)))).toEqual([
    [4, 0, 61, 0, 0, 0, 2_410, 0, 38_729, 0, 0],
    [0, 0, 20, 0, 0, 0, 2_010, 0, 21_600, 0, 17_574],
  ]);
});

test("a chart refers to the cells that hold its numbers, and remembers what they say", async () => {
  const path = await written([anonymity, { ...anonymity, table: "it's & <more>" }]);
  const workbook = await opened(path);
  for (const sheet of workbook.worksheets) {
    for (const { chart } of await chartsOn(path, sheet.name)) {
      const references = comparedWith(workbook, chart);
      expect(references.length).toBeGreaterThan(2);
      for (const { cached, cells } of references) expect(cached).toEqual(cells);
    }
  }
});

test("the bars of the summary lie over the rows that they are of, each in the colour of its meaning, and are told in words", async () => {
  const [first] = await chartsOn(await written([]), "Summary");
  const { frame, chart } = first as { frame: Node; chart: Node };
  expect(one(frame, "xdr:cNvPr").attributes["descr"]).toBe(
    "Where the requests stand. Done: 1; Pending, not blocked: 1; Blocked: 1; Failed: 0; Refused: 1; Withdrawn: 0.",
  );
  expect(one(chart, "c:barDir").attributes["val"]).toBe("bar");
  expect(all(chart, "c:dPt").map((point) => one(point, "a:srgbClr").attributes["val"])).toEqual([
    inkOf("good").slice(2),
    inkOf("accent").slice(2),
    inkOf("warn").slice(2),
    inkOf("bad").slice(2),
    inkOf("muted").slice(2),
    inkOf("muted").slice(2),
  ]);
  expect(all(chart, "c:delete").map(({ attributes }) => attributes["val"])).toEqual(["1", "1"]);
});

test("a class that is too small is seen in grey, and where its bar is too low to see: it is striped, and its number bold with a sign", async () => {
  const sizes = [{ from: 1, to: 1, classes: 3, rows: 3 }, ...anonymity.sizes];
  const [only] = await chartsOn(await written([{ ...anonymity, below: 3, sizes }]), "Analytics");
  const chart = only?.chart as Node;
  const [before, after] = all(chart, "c:ser") as [Node, Node];
  for (const name of ["c:dPt", "c:dLbl"]) expect(all(before, name)).toEqual([]);
  const red = inkOf("bad").slice(2);
  const bar = one(after, "c:dPt");
  expect(one(bar, "c:idx").attributes["val"]).toBe("0");
  expect(one(one(bar, "a:fgClr"), "a:srgbClr").attributes["val"]).toBe(red);
  const number = one(after, "c:dLbl");
  expect(one(number, "c:idx").attributes["val"]).toBe("0");
  expect(one(number, "c:numFmt").attributes["formatCode"]).toBe('"▲ "#,##0;;');
  expect(one(number, "a:defRPr").attributes["b"]).toBe("1");
  expect(one(one(number, "c:txPr"), "a:srgbClr").attributes["val"]).toBe(red);
  expect(all(chart, "a:t").map(({ text }) => text)).toEqual([
    "3 rows in classes smaller than 5, 31 before",
    "Rows of analytics_events (shop), by how many rows look alike; ▲ and striped in red: fewer than 5",
  ]);
});

test("where nothing was measured before, only what is there now is drawn", async () => {
  const [only] = await chartsOn(await written([{ ...anonymity, before: null }]), "Analytics");
  expect(all(only?.chart as Node, "c:ser").map((node) => one(one(node, "c:tx"), "c:v").text)).toEqual(["Rows after"]);
  expect(titleOf(only?.chart as Node)).toBe("Each row looks like 6 others or more: k = 7, wanted 5");
});

test("where no table was measured there is no chart", async () => {
  expect(await chartsOn(await written([]), "Analytics")).toEqual([]);
});

test("where a sheet ends within the rows of a chart, each sheet has the chart of its own rows", async () => {
  const path = await written([anonymity], 14);
  const workbook = await opened(path);
  const charts = [...(await chartsOn(path, "Analytics")), ...(await chartsOn(path, "Analytics (2)"))];
  expect(charts.map(({ chart }) => all(one(all(chart, "c:ser")[0] as Node, "c:cat"), "c:v").length)).toEqual([5, 6]);
  for (const { chart } of charts) {
    for (const { cached, cells } of comparedWith(workbook, chart)) expect(cached).toEqual(cells);
  }
});
