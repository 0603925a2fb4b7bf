import type { Style, Worksheet } from "exceljs";
import { textOf } from "#report/cell.ts";
import { ink, inkOf, mist, paper, solid, washOf, wordStyle } from "#report/palette.ts";
import { page } from "#report/render-sheet.ts";
import type {
  Bar,
  Card,
  Panel,
  Sentence,
  Tone,
  WorkbookDefinition,
  WorkbookSource,
} from "#report/workbook-definition.ts";
import type { Writer } from "#report/workbook-stream.ts";

const columns = 12;
const first = 2;
const last = first + columns - 1;
const half = columns / 2;

/** The first sheet: one page that says the whole at a glance. */
export const renderSummary = <Source extends WorkbookSource>(
  writer: Writer,
  definition: WorkbookDefinition<Source>,
  head: Source["head"],
  footer: string,
): void => {
  const { summary } = definition;
  const options = page(footer);
  const sheet = writer.addSheet(summary.name, {
    ...options,
    pageSetup: {
      ...options?.pageSetup,
      orientation: summary.orientation ?? "landscape",
      fitToHeight: 1,
      horizontalCentered: true,
    },
    views: [{ showGridLines: false, state: "normal" }],
    properties: { tabColor: { argb: ink } },
  });
  sheet.columns = [{ width: 2 }, ...Array.from({ length: columns }, () => ({ width: 11 })), { width: 2 }];
  let row = banner(sheet, `${definition.title} · ${head.controller.name}`, summary.subtitle(head));
  for (const cards of summary.cards) row = cardRow(sheet, row, cards, head);
  for (const pair of summary.panels) row = panelRow(sheet, row, pair, head);
  closing(sheet, row, summary.closing(head));
  (sheet as Worksheet & { commit(): void }).commit();
};

const put = (
  sheet: Worksheet,
  row: number,
  from: number,
  to: number,
  value: string | number | null,
  style: Partial<Style>,
): void => {
  // A merged range shows the style of each of its cells at the edges.
  for (let column = from; column <= to; column++) sheet.getCell(row, column).style = style;
  if (to > from) sheet.mergeCells(row, from, row, to);
  const cell = sheet.getCell(row, from);
  cell.value = typeof value === "string" ? textOf(value) : value;
  cell.style = style;
};

const banner = (sheet: Worksheet, title: string, subtitle: string): number => {
  const words = (size: number, bold: boolean, argb: string): Partial<Style> => ({
    numFmt: "@",
    font: { name: "Calibri", size, bold, color: { argb } },
    fill: solid(ink),
    alignment: { vertical: "middle", horizontal: "left", indent: 1 },
  });
  sheet.getRow(1).height = 8;
  sheet.getRow(2).height = 38;
  put(sheet, 2, first, last, title, words(20, true, paper));
  sheet.getRow(3).height = 22;
  put(sheet, 3, first, last, subtitle, words(10, false, "FFB9C7D6"));
  return 4;
};

const cardRow = <Head>(sheet: Worksheet, top: number, cards: readonly Card<Head>[], head: Head): number => {
  sheet.getRow(top).height = 8;
  sheet.getRow(top + 1).height = 36;
  sheet.getRow(top + 2).height = 18;
  const width = columns / cards.length;
  for (const [index, card] of cards.entries()) {
    const from = first + index * width;
    const value = card.of(head);
    const tone = card.tone(value);
    const edge = { style: "thick", color: { argb: paper } } as const;
    const base = { fill: solid(tone === "plain" ? mist : washOf(tone)), border: { left: edge, right: edge } };
    put(sheet, top + 1, from, from + width - 1, value, {
      ...base,
      numFmt: "#,##0",
      font: { name: "Calibri", size: 24, bold: true, color: { argb: inkOf(tone) } },
      alignment: { vertical: "bottom", horizontal: "center" },
    });
    put(sheet, top + 2, from, from + width - 1, card.label, {
      ...base,
      numFmt: "@",
      font: { name: "Calibri", size: 10, color: { argb: inkOf(tone === "plain" ? "muted" : tone) } },
      alignment: { vertical: "top", horizontal: "center" },
    });
  }
  return top + 3;
};

const panelRow = <Head>(
  sheet: Worksheet,
  top: number,
  pair: readonly [Panel<Head>, Panel<Head>],
  head: Head,
): number => {
  const heights = pair.map((panel, index) => panelAt(sheet, top + 1, first + index * half, panel, head));
  sheet.getRow(top).height = 12;
  return top + 1 + Math.max(...heights);
};

/** A title, one bar a row, a sentence. Returns how many rows it took. */
const panelAt = <Head>(sheet: Worksheet, top: number, left: number, panel: Panel<Head>, head: Head): number => {
  const edge = { bottom: { style: "medium", color: { argb: ink } } } as const;
  sheet.getRow(top).height = 20;
  put(sheet, top, left, left + half - 2, panel.title, { ...wordStyle(12, "plain", { bold: true }), border: edge });
  const bars = panel.bars(head);
  const largest = Math.max(1, ...bars.map((bar) => bar.value));
  // All of a panel are to one scale, which leaves room for what stands beside the longest.
  const width = bars.some(({ note }) => note !== undefined) ? 10 : 20;
  let row = top + 1;
  for (const bar of bars) barAt(sheet, row++, left, bar, { largest, width });
  if (panel.note !== undefined) {
    const tone = panel.noteTone?.(head) ?? "muted";
    put(sheet, row++, left, left + half - 2, panel.note(head), wordStyle(9, tone, { bold: tone !== "muted" }));
  }
  return row - top;
};

type Scale = { readonly largest: number; readonly width: number };

const barAt = (sheet: Worksheet, row: number, left: number, bar: Bar, { largest, width }: Scale): void => {
  sheet.getRow(row).height = 17;
  put(sheet, row, left, left + 1, bar.label, wordStyle(10, "plain"));
  const tone: Tone = bar.value === 0 ? "muted" : bar.tone;
  put(sheet, row, left + 2, left + 2, bar.value, {
    numFmt: "#,##0",
    font: { name: "Calibri", size: 10, bold: true, color: { argb: inkOf(tone) } },
    alignment: { vertical: "middle", horizontal: "right" },
  });
  const drawn = `${blocks(bar.value / largest, width)}${bar.note === undefined ? "" : `  ${bar.note}`}`;
  put(sheet, row, left + 3, left + half - 2, drawn, {
    numFmt: "@",
    font: { name: "Arial", size: 9, color: { argb: inkOf(tone) } },
    alignment: { vertical: "middle", horizontal: "left", indent: 1 },
  });
};

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of block characters, an eighth of a character fine; never empty for a value above zero. */
export const blocks = (share: number, width: number): string => {
  const units = share <= 0 ? 0 : Math.max(1, Math.round(Math.min(1, share) * width * 8));
  return "█".repeat(Math.floor(units / 8)) + (eighths[units % 8] ?? "");
};

const closing = (sheet: Worksheet, top: number, lines: readonly Sentence[]): void => {
  sheet.getRow(top).height = 10;
  for (const [index, line] of lines.entries()) {
    const { text, tone } = typeof line === "string" ? { text: line, tone: "muted" as const } : line;
    const style = wordStyle(9, tone, { bold: tone !== "muted" });
    sheet.getRow(top + 1 + index).height = 16;
    put(sheet, top + 1 + index, first, last, text, { ...style, fill: solid(mist) });
  }
};
