import { figure } from "#lib/figure.ts";
import type { Measures } from "#records/anonymity.ts";
import type { AnonymityItem } from "#report/anonymity-document.ts";
import type { ReportSource } from "#report/report-source.ts";
import { block, type Block, type Caption } from "#report/workbook-definition.ts";

/** A class: the rows that nothing but what is kept secret tells apart. Sizes from 1,024 on are all the same to the people in them. */
type Band = { readonly from: number; readonly to: number; readonly label: string };

const doublings = 10;

const bands: readonly Band[] = Array.from({ length: doublings + 1 }, (_, index) => {
  const [from, to] = [2 ** index, 2 ** (index + 1) - 1];
  if (index === doublings) return { from, to: Number.POSITIVE_INFINITY, label: `${figure(from)} or more` };
  return { from, to, label: index === 0 ? "1 (alone)" : `${figure(from)}–${figure(to)}` };
});

type Counted = { readonly rows: number; readonly classes: number };
type SizeRow = {
  readonly store: string;
  readonly table: string;
  readonly label: string;
  readonly before: Counted | null;
  readonly after: Counted;
  readonly small: boolean;
  readonly caption: Caption;
};

const countedIn = ({ sizes }: Pick<Measures, "sizes">, { from, to }: Band): Counted => {
  const inside = sizes.filter((size) => from <= size.from && size.from <= to);
  const sum = (of: (counted: Counted) => number): number => inside.reduce((total, size) => total + of(size), 0);
  return { rows: sum(({ rows }) => rows), classes: sum(({ classes }) => classes) };
};

const inRows = (count: number): string => `${figure(count)} ${count === 1 ? "row" : "rows"}`;

const finding = ({ rows, k, below, threshold, before }: AnonymityItem): string => {
  if (rows === 0) return "The table is empty";
  if (below > 0) {
    const was = before === null ? "" : `, ${figure(before.below)} before`;
    return `${inRows(below)} in classes smaller than ${threshold}${was}`;
  }
  if (before !== null && before.below > 0) {
    return `No row is left in a class smaller than ${threshold}: ${figure(before.below)} were before`;
  }
  return `Each row looks like ${figure(k - 1)} others or more: k = ${figure(k)}, wanted ${threshold}`;
};

const rowsOf = (item: AnonymityItem): readonly SizeRow[] => {
  const { store, table, before } = item;
  const counted = bands.map((band) => {
    const after = countedIn(item, band);
    return {
      label: band.label,
      before: before === null ? null : countedIn(before, band),
      after,
      // A band that begins below the threshold and ends above it may hold none of the small classes.
      small: band.to < item.threshold && after.rows > 0,
    };
  });
  const numbers = counted
    .filter((row) => row.after.rows + (row.before?.rows ?? 0) > 0)
    .map(
      (row) =>
        `${row.label}: ${row.before === null ? "" : `${figure(row.before.rows)}, then `}${figure(row.after.rows)}`,
    );
  const title = finding(item);
  const red = counted.some(({ small }) => small) ? `; ▲ and striped in red: fewer than ${item.threshold}` : "";
  const caption = {
    key: `${store}: ${table}`,
    title,
    subtitle: `Rows of ${table} (${store}), by how many rows look alike${red}`,
    description: `${title}. Rows of ${table} in ${store} by the size of their class. ${numbers.join("; ")}.`,
  };
  return counted.map((row) => ({ store, table, ...row, caption }));
};

const columns = [
  { header: "Store", width: 16, format: "text", of: (row: SizeRow) => row.store },
  { header: "Table", width: 28, format: "text", of: (row: SizeRow) => row.table },
  { header: "Rows that look alike", width: 16, format: "text", of: (row: SizeRow) => row.label },
  { header: "Rows before", width: 14, format: "count", of: (row: SizeRow) => row.before?.rows ?? null },
  { header: "Rows after", width: 12, format: "count", of: (row: SizeRow) => row.after.rows },
  { header: "Classes before", width: 14, format: "count", of: (row: SizeRow) => row.before?.classes ?? null },
  { header: "Classes after", width: 14, format: "count", of: (row: SizeRow) => row.after.classes },
] as const;

/** The histogram of each measured table: the numbers, and beside them the chart of rows before and after. */
export const classSizes: Block = block(
  async function* ({ rows }: ReportSource) {
    for await (const item of rows.anonymity()) yield* rowsOf(item);
  },
  {
    title: "How large classes are",
    empty: "This run measured no table.",
    columns,
    chart: {
      categories: 2,
      series: [
        { column: 3, tone: "muted" },
        { column: 4, tone: "accent" },
      ],
      caption: (row) => row.caption,
      alarming: (row) => row.small,
    },
  },
);
