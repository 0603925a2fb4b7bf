import type { Worksheet } from "exceljs";
import { chartXml } from "#report/chart/chart-xml.ts";
import type { Chart } from "#report/chart/chart.ts";
import { drawingXml } from "#report/chart/drawing-xml.ts";
import { element, file } from "#report/chart/xml.ts";

/** What exceljs 4.4 does not declare of its streaming writer. Its version is pinned, and a test opens what comes out. */
type HiddenWriter = { readonly zip: { append(source: unknown, data: { readonly name: string }): unknown } };
type HiddenSheet = {
  readonly name: string;
  readonly _sheetRelsWriter: { addRelationship(relationship: { Type: string; Target: string }): string };
  _write(text: string): void;
  _writeLegacyData(): void;
};

export type AttachCharts = (sheet: Worksheet, charts: readonly Chart[]) => void;

const relationships = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const contentTypes = {
  chart: "application/vnd.openxmlformats-officedocument.drawingml.chart+xml",
  drawing: "application/vnd.openxmlformats-officedocument.drawing+xml",
};

/**
 * Teaches exceljs' streaming writer, which knows neither charts nor pictures, to put charts on a sheet. The parts go into its own archive while it is
 * written: no second pass over a file that is finished, nothing in memory but the charts of one sheet. To be called before the sheet is
 * committed; its rows may have left memory long before.
 *
 * Libraries that draw charts into workbooks (xlsx-chart, chartsheet) take a whole workbook in memory, or templates of their own.
 */
export const chartsInto = (writer: unknown): AttachCharts => {
  const { zip } = writer as HiddenWriter;
  const types: string[] = [];
  let charted = 0;
  let drawn = 0;
  const add = (name: string, xml: string, type?: string): void => {
    zip.append(xml, { name });
    if (type !== undefined) types.push(element("Override", { PartName: `/${name}`, ContentType: type }).xml);
  };
  withTypes(zip, types);
  return (sheet, charts) => {
    if (charts.length === 0) return;
    const number = ++drawn;
    const placed = charts.map((chart, index) => ({ id: `rId${index + 1}`, number: ++charted, chart }));
    for (const { number: n, chart } of placed) {
      add(`xl/charts/chart${n}.xml`, chartXml(chart, sheet.name), contentTypes.chart);
    }
    add(`xl/drawings/drawing${number}.xml`, drawingXml(placed), contentTypes.drawing);
    const targets = placed.map(({ id, number: n }) =>
      element("Relationship", { Id: id, Type: `${relationships}/chart`, Target: `../charts/chart${n}.xml` }),
    );
    const xmlns = "http://schemas.openxmlformats.org/package/2006/relationships";
    add(`xl/drawings/_rels/drawing${number}.xml.rels`, file(element("Relationships", { xmlns }, ...targets)));
    drawOn(sheet as unknown as HiddenSheet, `../drawings/drawing${number}.xml`);
  };
};

/** A part without its content type makes Excel offer to repair the file. They are written last, when all parts are known. */
const withTypes = (zip: HiddenWriter["zip"], types: readonly string[]): void => {
  const append = zip.append.bind(zip);
  zip.append = (source, data) => {
    if (data.name !== "[Content_Types].xml" || types.length === 0) return append(source, data);
    return append(String(source).replace("</Types>", `${types.join("")}</Types>`), data);
  };
};

/** `drawing` stands behind the breaks and before the legacy drawing of comments, of which Lethe has none: ECMA-376 part 1, 18.3.1.99. */
const drawOn = (sheet: HiddenSheet, target: string): void => {
  const id = sheet._sheetRelsWriter.addRelationship({ Type: `${relationships}/drawing`, Target: target });
  sheet._writeLegacyData = () => sheet._write(element("drawing", { "r:id": id }).xml);
};
