import type { Chart } from "#report/chart/chart.ts";
import type { BarsShape, Caption, ColumnShape, Line } from "#report/workbook-definition.ts";

/** Points: wide enough for the numbers above two bars in each of a dozen places. */
const width = 600;
const inset = 3;

type Gathered = {
  readonly caption: Caption;
  readonly row: number;
  readonly lines: Line[];
  height: number;
};

export type ChartsBeside = {
  /** Takes a row that was written; `height` in points. */
  readonly take: (row: number, line: Line, height: number) => void;
  /** The charts of the rows that were taken since the header in `headerRow`, and forgets them. */
  readonly drawn: (headerRow: number) => readonly Chart[];
};

/**
 * Gathers rows of a block until those of a chart are together, which is then laid to the right of them, as high as they are. Only blocks of few
 * rows have charts: what they show stays in memory until the sheet is done.
 */
export const chartsBeside = (columns: readonly ColumnShape[], bars: BarsShape | undefined): ChartsBeside => {
  let gathered: Gathered[] = [];
  return {
    take: (row, line, height) => {
      const { caption } = line;
      if (caption === undefined) return;
      const last = gathered.at(-1);
      const group = last?.caption.key === caption.key ? last : { caption, row, lines: [], height: 0 };
      if (group !== last) gathered.push(group);
      group.lines.push(line);
      group.height += height;
    },
    drawn: (headerRow) => {
      const charts = bars === undefined ? [] : gathered.map((group) => chartOf(columns, bars, group, headerRow));
      gathered = [];
      return charts;
    },
  };
};

const chartOf = (
  columns: readonly ColumnShape[],
  { categories, series }: BarsShape,
  { caption, row, lines, height }: Gathered,
  headerRow: number,
): Chart => {
  const down = (index: number) => ({ row, column: index + 1, values: lines.map(({ cells }) => cells[index] ?? null) });
  const { title, subtitle, description } = caption;
  const alarming = lines.flatMap((line, index) => (line.alarming ? [index] : []));
  return {
    words: { title, subtitle },
    description,
    direction: "columns",
    categories: down(categories),
    series: series
      .map(({ column, tone }, index) => ({
        name: { row: headerRow, column: column + 1, value: columns[column]?.header ?? "" },
        tone,
        values: down(column),
        alarming: index === series.length - 1 ? alarming : [],
      }))
      // Of what was never measured there is nothing to compare with.
      .filter(({ values }) => values.values.some((value) => value !== null)),
    place: { row, column: columns.length + 1, inset, width, height: height - 2 * inset },
  };
};
