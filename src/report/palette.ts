import type { Style } from "exceljs";
import type { CellFormat, CellValue, Tone } from "#report/workbook-definition.ts";

export const ink = "FF1B2A41";
export const paper = "FFFFFFFF";
export const mist = "FFF3F6F9";
export const line = "FFDCE3EA";
export const pale = "FFB9C7D6";

/** Each is read on white, and on the wash of its own tone: a contrast of 4.5 to 1 or more (WCAG 2.2, 1.4.3). */
const inks: Readonly<Record<Tone, string>> = {
  plain: ink,
  good: "FF1C7C54",
  warn: "FF8F5500",
  bad: "FFB3261E",
  muted: "FF5A6573",
  accent: "FF0B6E8A",
};

const washes: Readonly<Record<Tone, string>> = {
  plain: paper,
  good: "FFE4F3EC",
  warn: "FFFFF1DB",
  bad: "FFFBE4E2",
  muted: "FFF0F2F5",
  accent: "FFE1F1F5",
};

export const inkOf = (tone: Tone): string => inks[tone];
export const washOf = (tone: Tone): string => washes[tone];

export const solid = (argb: string): Style["fill"] => ({ type: "pattern", pattern: "solid", fgColor: { argb } });

/** `@` makes a cell text even when somebody edits it: what looks like a formula is never run. */
const numberFormats: Readonly<Record<CellFormat, string>> = {
  text: "@",
  wrapped: "@",
  code: "@",
  state: "@",
  treatment: "@",
  kind: "@",
  check: "@",
  date: "yyyy-mm-dd",
  until: "yyyy-mm-dd",
  instant: "yyyy-mm-dd hh:mm",
  count: "#,##0",
  ratio: "0.0000",
  // As people say it; the cell holds the bytes.
  bytes: '[>=1000000000]0.0,,," GB";[>=1000000]0.0,," MB";0.0," kB"',
  total: "#,##0",
  days: '0" left";0" late";"today"',
};

const words: Readonly<Record<string, Tone>> = {
  done: "good",
  erased: "good",
  completed: "good",
  archived: "warn",
  anonymised: "accent",
  retained: "warn",
  archived_with_pii: "warn",
  approved: "accent",
  scheduled: "accent",
  erasing: "accent",
  blocked: "warn",
  held: "warn",
  failed: "bad",
  refused: "muted",
  withdrawn: "muted",
  pending: "accent",
  open: "accent",
  released: "good",
  confirmed: "good",
  extended: "warn",
  reopened: "warn",
  "approval lapsed": "warn",
  "in force": "good",
  erase: "good",
  anonymise: "accent",
  retain: "warn",
  keep: "muted",
  listed: "accent",
  condemned: "warn",
  purged: "good",
  vanished: "bad",
  attention: "warn",
  stopped: "warn",
  equal: "good",
  changed: "accent",
  yes: "good",
  no: "bad",
  "overdue request": "bad",
  "receipt not confirmed": "bad",
  "store not released": "bad",
  "due soon": "warn",
  "due records stay": "warn",
  "index missing": "warn",
  "failed request": "bad",
  "personal data found": "bad",
  "totals differ": "bad",
  "totals not kept": "warn",
  "recipient failed": "bad",
  "backup kept too long": "bad",
  "backup exception": "warn",
  "blocked request": "warn",
  "held request": "warn",
  "k below threshold": "warn",
};

const toneOf = (format: CellFormat, value: CellValue): Tone => {
  if (value === null) return "plain";
  if (format === "check") return value === true ? "good" : "bad";
  if (format === "days" && typeof value === "number") return value < 0 ? "bad" : value <= 7 ? "warn" : "plain";
  if (format !== "state" && format !== "treatment" && format !== "kind") return "plain";
  return typeof value === "string" && Object.hasOwn(words, value) ? (words[value] ?? "plain") : "plain";
};

const coloured: ReadonlySet<CellFormat> = new Set(["state", "treatment", "kind", "check", "days"]);
const right: ReadonlySet<CellFormat> = new Set(["count", "ratio", "bytes", "total", "days"]);
const centred: ReadonlySet<CellFormat> = new Set(["state", "treatment", "kind", "check", "date", "until", "instant"]);

const styles = new Map<string, Partial<Style>>();

/** One shared object per look: the writer keeps a workbook's styles by identity. */
export const bodyStyle = (format: CellFormat, value: CellValue): Partial<Style> => {
  const tone = toneOf(format, value);
  const broken = format === "total" && typeof value === "string" && value.includes(".");
  const key = `${format} ${tone} ${broken}`;
  const known = styles.get(key);
  if (known !== undefined) return known;
  const pill = coloured.has(format) && tone !== "plain";
  const style: Partial<Style> = {
    numFmt: broken ? "#,##0.00######" : numberFormats[format],
    font: {
      name: format === "code" ? "Consolas" : "Calibri",
      size: format === "code" ? 9 : 10,
      bold: pill && tone !== "muted",
      color: { argb: inks[tone] },
    },
    fill: solid(pill ? washes[tone] : paper),
    alignment: {
      vertical: "middle",
      horizontal: right.has(format) ? "right" : centred.has(format) ? "center" : "left",
      wrapText: format === "wrapped",
      indent: centred.has(format) ? 0 : 1,
    },
    border: { bottom: { style: "thin", color: { argb: line } } },
  };
  styles.set(key, style);
  return style;
};

export const headerStyle = (format: CellFormat): Partial<Style> => ({
  numFmt: "@",
  font: { name: "Calibri", size: 10, bold: true, color: { argb: paper } },
  fill: solid(ink),
  alignment: {
    vertical: "middle",
    horizontal: right.has(format) ? "right" : centred.has(format) ? "center" : "left",
    wrapText: true,
    indent: centred.has(format) ? 0 : 1,
  },
});

/** Words on the white of a sheet. */
export const wordStyle = (
  size: number,
  tone: Tone,
  options: { readonly bold?: boolean; readonly wrap?: boolean } = {},
): Partial<Style> => ({
  numFmt: "@",
  font: { name: "Calibri", size, bold: options.bold ?? false, color: { argb: inks[tone] } },
  alignment: { vertical: "middle", horizontal: "left", wrapText: options.wrap ?? false },
});
