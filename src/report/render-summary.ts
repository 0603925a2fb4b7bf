import type { Style, Worksheet } from "exceljs";
import type { Chart } from "#report/chart/chart.ts";
import { ink, inkOf, mist, pale, paper, solid, washOf, wordStyle } from "#report/palette.ts";
import { put } from "#report/put.ts";
import { panelRow } from "#report/render-panels.ts";
import { page } from "#report/render-sheet.ts";
import type { Card, Sentence, WorkbookDefinition, WorkbookSource } from "#report/workbook-definition.ts";
import type { Writer } from "#report/workbook-stream.ts";

const columns = 12;
const first = 2;
const last = first + columns - 1;

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
    // As wide as it is high: on landscape paper a third of the page would stay empty.
    pageSetup: { ...options?.pageSetup, orientation: "portrait", fitToHeight: 1 },
    views: [{ showGridLines: false, state: "normal" }],
    properties: { tabColor: { argb: ink } },
  });
  sheet.columns = [{ width: 2 }, ...Array.from({ length: columns }, () => ({ width: 11 })), { width: 2 }];
  let row = banner(sheet, `${definition.title} · ${head.controller.name}`, summary.subtitle(head));
  for (const cards of summary.cards) row = cardRow(sheet, row, cards, head);
  const charts: Chart[] = [];
  for (const pair of summary.panels) {
    const panels = panelRow(sheet, row, [first, first + columns / 2], pair, head);
    charts.push(...panels.charts);
    row = panels.next;
  }
  closing(sheet, row, summary.closing(head));
  writer.draw(sheet, charts);
  (sheet as Worksheet & { commit(): void }).commit();
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
  put(sheet, 2, [first, last], title, words(20, true, paper));
  sheet.getRow(3).height = 22;
  put(sheet, 3, [first, last], subtitle, words(10, false, pale));
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
    put(sheet, top + 1, [from, from + width - 1], value, {
      ...base,
      numFmt: "#,##0",
      font: { name: "Calibri", size: 24, bold: true, color: { argb: inkOf(tone) } },
      alignment: { vertical: "bottom", horizontal: "center" },
    });
    put(sheet, top + 2, [from, from + width - 1], card.label, {
      ...base,
      numFmt: "@",
      font: { name: "Calibri", size: 10, color: { argb: inkOf(tone === "plain" ? "muted" : tone) } },
      alignment: { vertical: "top", horizontal: "center" },
    });
  }
  return top + 3;
};

const closing = (sheet: Worksheet, top: number, lines: readonly Sentence[]): void => {
  sheet.getRow(top).height = 10;
  for (const [index, line] of lines.entries()) {
    const { text, tone } = typeof line === "string" ? { text: line, tone: "muted" as const } : line;
    const style = wordStyle(9, tone, { bold: tone !== "muted" });
    sheet.getRow(top + 1 + index).height = 16;
    put(sheet, top + 1 + index, [first, last], text, { ...style, fill: solid(mist) });
  }
};
