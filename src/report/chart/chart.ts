import type { CellValue, Tone } from "#report/workbook-definition.ts";

/**
 * A bar chart over cells of the sheet that it lies on, with the values that they had when it was drawn. Why a chart and no PNG: it is crisp on every
 * screen and on paper, a screen reader reads its description and its numbers, whoever doubts a bar clicks on it and sees its cells, and nothing
 * is rasterised, which would take a graphics library whose pixels, and so the signed SHA-256, differ from machine to machine.
 */
export type Chart = {
  /** The finding, and what is drawn. Without them there is neither title nor legend nor axis: the cells beside it say all that. */
  readonly words: ChartWords | undefined;
  /** For those who do not see it. */
  readonly description: string;
  readonly direction: "columns" | "rows";
  readonly categories: CellRange;
  readonly series: readonly Series[];
  /** What the longest bar may stand for; the largest value unless given. */
  readonly largest?: number;
  readonly place: Place;
};

export type ChartWords = { readonly title: string; readonly subtitle: string };

export type Series = {
  readonly name: Cell;
  readonly tone: Tone;
  readonly values: CellRange;
  /** The tones of single bars, by their index, where they differ. */
  readonly tones?: ReadonlyMap<number, Tone>;
  /** Bars that nobody may overlook, by their index: hatched in red, with a sign before their number, so that they are seen in grey and when tiny. */
  readonly alarming?: readonly number[];
};

/** Rows and columns count from 1, as in the sheet. */
export type Cell = { readonly row: number; readonly column: number; readonly value: string };

/** Cells of one column, from a row downwards, one for each value. */
export type CellRange = { readonly row: number; readonly column: number; readonly values: readonly CellValue[] };

/** Its upper left corner lies in this cell: over cells, or beside them, with a size of its own in points, `inset` below the top of the cell. */
export type Place = { readonly row: number; readonly column: number } & (
  | { readonly rows: number; readonly columns: number }
  | { readonly inset: number; readonly width: number; readonly height: number }
);
