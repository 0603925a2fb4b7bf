import type { ChartWords } from "#report/chart/chart.ts";
import { element, type Xml } from "#report/chart/xml.ts";
import { inkOf, paper } from "#report/palette.ts";
import type { Tone } from "#report/workbook-definition.ts";

/** DrawingML takes `RRGGBB`, the palette holds `AARRGGBB`. */
const colour = (argb: string): Xml => element("a:srgbClr", { val: argb.slice(2) });

export const nothing = element("a:noFill", {});

export const filled = (argb: string): Xml => element("a:solidFill", {}, colour(argb));

/** Stripes on white, which grey paper shows too. */
export const hatched = (argb: string): Xml =>
  element(
    "a:pattFill",
    { prst: "wdUpDiag" },
    element("a:fgClr", {}, colour(argb)),
    element("a:bgClr", {}, colour(paper)),
  );

/** A hairline, or none. */
export const stroke = (argb?: string): Xml =>
  argb === undefined ? element("a:ln", {}, nothing) : element("a:ln", { w: 9525 }, filled(argb));

const run = (name: string, size: number, tone: Tone, bold: boolean): Xml =>
  element(
    name,
    { lang: "en-GB", sz: size * 100, b: bold ? 1 : 0 },
    element("a:solidFill", {}, colour(inkOf(tone))),
    element("a:latin", { typeface: "Calibri" }),
  );

/** ECMA-376 part 1, 21.1.2: how text without a look of its own is set. `size` in points. */
export const textProperties = (size: number, tone: Tone, bold = false): Xml =>
  element(
    "c:txPr",
    {},
    element("a:bodyPr", {}),
    element(
      "a:p",
      {},
      element("a:pPr", {}, run("a:defRPr", size, tone, bold)),
      element("a:endParaRPr", { lang: "en-GB" }),
    ),
  );

const rich = (text: string, size: number, tone: Tone, bold: boolean): Xml =>
  element(
    "c:tx",
    {},
    element(
      "c:rich",
      {},
      element("a:bodyPr", {}),
      element(
        "a:p",
        {},
        element("a:pPr", {}, run("a:defRPr", size, tone, bold)),
        element("a:r", {}, run("a:rPr", size, tone, bold), element("a:t", {}, text)),
      ),
    ),
  );

/** The finding, in the upper left corner. */
export const titleOf = ({ title }: ChartWords): Xml =>
  element(
    "c:title",
    {},
    rich(title, 12, "plain", true),
    element(
      "c:layout",
      {},
      element(
        "c:manualLayout",
        {},
        element("c:xMode", { val: "edge" }),
        element("c:yMode", { val: "edge" }),
        element("c:x", { val: 0.012 }),
        element("c:y", { val: 0.03 }),
      ),
    ),
    element("c:overlay", { val: 1 }),
  );

/** What is drawn, below the bars. Not a second line of the title: LibreOffice gives a title one look. */
export const axisTitleOf = ({ subtitle }: ChartWords): Xml =>
  element("c:title", {}, rich(subtitle, 9, "muted", false), element("c:overlay", { val: 0 }));
