import type { Chart, Series } from "#report/chart/chart.ts";
import { categoriesOf, seriesNameOf, valuesOf } from "#report/chart/references.ts";
import { axisTitleOf, filled, hatched, nothing, stroke, textProperties, titleOf } from "#report/chart/shape-xml.ts";
import { each, element, file, type Xml } from "#report/chart/xml.ts";
import { inkOf, line, pale, paper } from "#report/palette.ts";

const namespaces = {
  "xmlns:c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
  "xmlns:a": "http://schemas.openxmlformats.org/drawingml/2006/main",
  "xmlns:r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
};

/** Any two numbers that differ. */
const axes = { categories: 1, values: 2 } as const;

const value = (name: string, val: string | number): Xml => element(name, { val });

/**
 * The chart part of a bar chart: ECMA-376 part 1, 21.2. Its schema is a sequence: the order of elements is not free.
 *
 * @param sheet the name of the sheet that it refers to
 */
export const chartXml = (chart: Chart, sheet: string): string => {
  const { words, direction } = chart;
  return file(
    element(
      "c:chartSpace",
      namespaces,
      value("c:roundedCorners", 0),
      element(
        "c:chart",
        {},
        words === undefined ? undefined : titleOf(words),
        value("c:autoTitleDeleted", words === undefined ? 1 : 0),
        element(
          "c:plotArea",
          {},
          // Over cells: bars that begin at the edge, and rows of bars that are as high as rows of cells.
          words === undefined ? layout({ x: 0, y: 0, w: 1, h: 1 }) : layout({ x: 0.02, y: 0.24, w: 0.96, h: 0.52 }),
          element(
            "c:barChart",
            {},
            value("c:barDir", direction === "columns" ? "col" : "bar"),
            value("c:grouping", "clustered"),
            value("c:varyColors", 0),
            each(chart.series.map((series, index) => seriesXml(chart, series, index, sheet))),
            value("c:gapWidth", direction === "columns" ? 30 : 60),
            value("c:overlap", direction === "columns" ? -6 : 0),
            value("c:axId", axes.categories),
            value("c:axId", axes.values),
          ),
          categoryAxis(chart),
          valueAxis(chart),
          element("c:spPr", {}, nothing),
        ),
        words === undefined || chart.series.length === 1 ? undefined : legend,
        value("c:plotVisOnly", 0),
        value("c:dispBlanksAs", "gap"),
      ),
      element(
        "c:spPr",
        {},
        words === undefined ? nothing : filled(paper),
        words === undefined ? stroke() : stroke(line),
      ),
      textProperties(9, "plain"),
    ),
  );
};

type Box = { readonly x: number; readonly y: number; readonly w: number; readonly h: number };

/** Shares of the chart's width and height, of the bars alone, without their labels. */
const layout = ({ x, y, w, h }: Box): Xml =>
  element(
    "c:layout",
    {},
    element(
      "c:manualLayout",
      {},
      value("c:layoutTarget", "inner"),
      value("c:xMode", "edge"),
      value("c:yMode", "edge"),
      value("c:x", x),
      value("c:y", y),
      value("c:w", w),
      value("c:h", h),
    ),
  );

const seriesXml = (chart: Chart, series: Series, index: number, sheet: string): Xml =>
  element(
    "c:ser",
    {},
    value("c:idx", index),
    value("c:order", index),
    seriesNameOf(series.name, sheet),
    // Muted bars are paler than their numbers: in grey they would not be told from those beside them.
    look(filled(series.tone === "muted" ? pale : inkOf(series.tone))),
    value("c:invertIfNegative", 0),
    each([
      ...[...(series.tones ?? [])].map(([bar, tone]) => barXml(bar, look(filled(inkOf(tone))))),
      ...(series.alarming ?? []).map((bar) => barXml(bar, look(hatched(inkOf("bad")), inkOf("bad")))),
    ]),
    chart.words === undefined ? undefined : labels(series),
    categoriesOf(chart.categories, sheet),
    valuesOf(series.values, sheet),
  );

const look = (fill: Xml, edge?: string): Xml =>
  element("c:spPr", {}, fill, ...(edge === undefined ? [] : [stroke(edge)]));

const barXml = (bar: number, shape: Xml): Xml =>
  element("c:dPt", {}, value("c:idx", bar), value("c:invertIfNegative", 0), shape);

/** The number above each bar: a bar too small to see still says that it is there, and an axis of values is not needed. Nothing above zero. */
const labels = ({ tone, alarming = [] }: Series): Xml =>
  element(
    "c:dLbls",
    {},
    each(
      alarming.map((bar) =>
        element("c:dLbl", {}, value("c:idx", bar), ...label('"▲ "#,##0;;', textProperties(10, "bad", true))),
      ),
    ),
    ...label("#,##0;;", textProperties(8, tone)),
  );

const label = (formatCode: string, text: Xml): readonly Xml[] => [
  element("c:numFmt", { formatCode, sourceLinked: 0 }),
  element("c:spPr", {}, nothing, stroke()),
  text,
  value("c:dLblPos", "outEnd"),
  value("c:showLegendKey", 0),
  value("c:showVal", 1),
  value("c:showCatName", 0),
  value("c:showSerName", 0),
  value("c:showPercent", 0),
  value("c:showBubbleSize", 0),
];

const categoryAxis = ({ words, direction }: Chart): Xml =>
  element(
    "c:catAx",
    {},
    value("c:axId", axes.categories),
    // Rows of a bar chart are drawn from below unless they are turned around; those of a sheet begin above.
    element("c:scaling", {}, value("c:orientation", direction === "columns" ? "minMax" : "maxMin")),
    value("c:delete", words === undefined ? 1 : 0),
    value("c:axPos", direction === "columns" ? "b" : "l"),
    words === undefined ? undefined : axisTitleOf(words),
    element("c:numFmt", { formatCode: "@", sourceLinked: 0 }),
    value("c:majorTickMark", "none"),
    value("c:minorTickMark", "none"),
    value("c:tickLblPos", "low"),
    element("c:spPr", {}, stroke(line)),
    textProperties(8, "plain"),
    value("c:crossAx", axes.values),
    value("c:crosses", "autoZero"),
    value("c:auto", 0),
    value("c:lblAlgn", "ctr"),
    value("c:lblOffset", 100),
    value("c:noMultiLvlLbl", 1),
  );

const valueAxis = ({ largest, direction }: Chart): Xml =>
  element(
    "c:valAx",
    {},
    value("c:axId", axes.values),
    element(
      "c:scaling",
      {},
      value("c:orientation", "minMax"),
      largest === undefined ? undefined : value("c:max", largest),
      value("c:min", 0),
    ),
    value("c:delete", 1),
    value("c:axPos", direction === "columns" ? "l" : "t"),
    element("c:numFmt", { formatCode: "#,##0", sourceLinked: 0 }),
    value("c:majorTickMark", "none"),
    value("c:minorTickMark", "none"),
    value("c:tickLblPos", "nextTo"),
    value("c:crossAx", axes.categories),
    value("c:crosses", "autoZero"),
    value("c:crossBetween", "between"),
  );

const legend = element("c:legend", {}, value("c:legendPos", "tr"), value("c:overlay", 1), textProperties(9, "plain"));
