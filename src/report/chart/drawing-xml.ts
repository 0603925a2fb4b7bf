import type { Chart } from "#report/chart/chart.ts";
import { element, file, type Xml } from "#report/chart/xml.ts";

const namespaces = {
  "xmlns:xdr": "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing",
  "xmlns:a": "http://schemas.openxmlformats.org/drawingml/2006/main",
  "xmlns:r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
  "xmlns:c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
};

/** English Metric Units in a point. */
const emu = (points: number): number => Math.round(points * 12_700);

/** The drawing part of a sheet: which chart lies where. ECMA-376 part 1, 20.5. `id` is that of the relationship to a chart. */
export const drawingXml = (charts: readonly { readonly id: string; readonly chart: Chart }[]): string =>
  file(element("xdr:wsDr", namespaces, ...charts.map(({ id, chart }, index) => anchor(id, chart, index))));

const anchor = (id: string, chart: Chart, index: number): Xml => {
  const { place } = chart;
  const { row, column } = place;
  if ("rows" in place) {
    // As high as the rows are, to whatever pixels a program rounds them.
    const to = marker("xdr:to", row + place.rows, column + place.columns, 0);
    return placed("xdr:twoCellAnchor", marker("xdr:from", row, column, 0), to, frame(id, chart, index));
  }
  const size = element("xdr:ext", { cx: emu(place.width), cy: emu(place.height) });
  return placed("xdr:oneCellAnchor", marker("xdr:from", row, column, place.inset), size, frame(id, chart, index));
};

const placed = (name: string, ...parts: readonly Xml[]): Xml =>
  element(name, {}, ...parts, element("xdr:clientData", {}));

/** The upper left corner of a cell, so many points below its top. */
const marker = (name: string, row: number, column: number, below: number): Xml =>
  element(
    name,
    {},
    element("xdr:col", {}, column - 1),
    element("xdr:colOff", {}, 0),
    element("xdr:row", {}, row - 1),
    element("xdr:rowOff", {}, emu(below)),
  );

const frame = (id: string, { description, words }: Chart, index: number): Xml =>
  element(
    "xdr:graphicFrame",
    { macro: "" },
    element(
      "xdr:nvGraphicFramePr",
      {},
      // Ids of shapes are unique in a drawing; 0 is none, 1 the drawing itself in some programs.
      element("xdr:cNvPr", {
        id: index + 2,
        name: `Chart ${index + 1}`,
        ...(words === undefined ? {} : { title: words.title }),
        descr: description,
      }),
      element("xdr:cNvGraphicFramePr", {}),
    ),
    element("xdr:xfrm", {}, element("a:off", { x: 0, y: 0 }), element("a:ext", { cx: 0, cy: 0 })),
    element(
      "a:graphic",
      {},
      element("a:graphicData", { uri: namespaces["xmlns:c"] }, element("c:chart", { "r:id": id })),
    ),
  );
