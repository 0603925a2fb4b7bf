import type { Worksheet } from "exceljs";
import { figure } from "#lib/figure.ts";
import type { Chart } from "#report/chart/chart.ts";
import { ink, inkOf, wordStyle } from "#report/palette.ts";
import { put } from "#report/put.ts";
import { shorten } from "#report/shorten.ts";
import type { Bar, Panel, Tone } from "#report/workbook-definition.ts";

/** Columns from the left edge of a panel. */
const label = 0;
const value = 2;
const bars = 3;
const note = 4;
const width = 5;

/** Letters: what there is room for before the number. */
const labelRoom = 24;

/** Points: how high a row of a bar is. */
const barHeight = 17;

/** Panels side by side. `next` is the row below them, `charts` their bars. */
export const panelRow = <Head>(
  sheet: Worksheet,
  top: number,
  lefts: readonly [number, number],
  pair: readonly [Panel<Head>, Panel<Head>],
  head: Head,
): { readonly next: number; readonly charts: readonly Chart[] } => {
  sheet.getRow(top).height = 12;
  const [one, other] = pair;
  const drawn = [panelAt(sheet, top + 1, lefts[0], one, head), panelAt(sheet, top + 1, lefts[1], other, head)];
  return { next: Math.max(...drawn.map(({ next }) => next)), charts: drawn.flatMap(({ chart }) => chart ?? []) };
};

/** A title, one bar a row, a sentence. The words and numbers are cells, and so is all that the chart of the bars says. */
const panelAt = <Head>(
  sheet: Worksheet,
  top: number,
  left: number,
  panel: Panel<Head>,
  head: Head,
): { readonly next: number; readonly chart: Chart | undefined } => {
  const whole = [left, left + width - 1] as const;
  const edge = { bottom: { style: "medium", color: { argb: ink } } } as const;
  sheet.getRow(top).height = 20;
  put(sheet, top, whole, panel.title, { ...wordStyle(12, "plain", { bold: true }), border: edge });
  const rows = panel.bars(head);
  const labels = shorten(
    rows.map((bar) => bar.label),
    labelRoom,
  );
  let row = top + 1;
  for (const [index, bar] of rows.entries()) barAt(sheet, row++, left, { ...bar, label: labels[index] ?? bar.label });
  const more = panel.more?.(head) ?? 0;
  if (more > 0) put(sheet, row++, whole, `… and ${figure(more)} more`, wordStyle(10, "muted"));
  if (panel.note !== undefined) {
    const tone = panel.noteTone?.(head) ?? "muted";
    put(sheet, row++, whole, panel.note(head), wordStyle(9, tone, { bold: tone !== "muted" }));
  }
  return { next: row, chart: chartOf(panel.title, rows, labels, top, left) };
};

const barAt = (sheet: Worksheet, row: number, left: number, bar: Bar): void => {
  const tone: Tone = bar.value === 0 ? "muted" : bar.tone;
  sheet.getRow(row).height = barHeight;
  put(sheet, row, [left + label, left + value - 1], bar.label, wordStyle(10, "plain"));
  put(sheet, row, [left + value, left + value], bar.value, {
    numFmt: "#,##0",
    font: { name: "Calibri", size: 10, bold: true, color: { argb: inkOf(tone) } },
    alignment: { vertical: "middle", horizontal: "right", indent: 1 },
  });
  if (bar.note === undefined) return;
  const style = wordStyle(9, tone);
  put(sheet, row, [left + note, left + note], bar.note, { ...style, alignment: { ...style.alignment, indent: 1 } });
};

/** Bars as high as their rows, from the numbers to what stands beside them, all of a panel to one scale. */
const chartOf = (
  title: string,
  rows: readonly Bar[],
  labels: readonly string[],
  top: number,
  left: number,
): Chart | undefined => {
  const largest = Math.max(0, ...rows.map((bar) => bar.value));
  if (largest === 0) return undefined;
  const columns = rows.some((bar) => bar.note !== undefined) ? note - bars : width - bars;
  return {
    words: undefined,
    description: `${title}. ${rows.map((bar) => `${bar.label}: ${bar.value}`).join("; ")}.`,
    direction: "rows",
    categories: { row: top + 1, column: left + label, values: labels },
    series: [
      {
        name: { row: top, column: left, value: title },
        tone: "accent",
        values: { row: top + 1, column: left + value, values: rows.map((bar) => bar.value) },
        tones: new Map(rows.map((bar, index) => [index, bar.tone])),
      },
    ],
    largest,
    place: { row: top + 1, column: left + bars, rows: rows.length, columns },
  };
};
