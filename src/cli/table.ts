export type Column = { readonly title: string; readonly align?: "left" | "right" };

const gap = "  ";
const narrowest = 4;

/**
 * A plain text table: titles, then one line a row, columns two blanks apart. Where the terminal is too narrow the widest
 * columns give way first and end in `…`; without a terminal (`width` infinite) nothing is cut.
 */
export const table = (
  rows: readonly (readonly (string | number)[])[],
  columns: readonly Column[],
  // Undefined where there is no terminal, 0 where it does not know its size.
  width: number = process.stdout.columns || Number.POSITIVE_INFINITY,
): string => {
  const cells = rows.map((row) => columns.map((_, index) => plain(row[index] ?? "")));
  const titles = columns.map(({ title }) => title);
  const natural = columns.map((_, index) => Math.max(...[titles, ...cells].map((row) => lengthOf(row[index] ?? ""))));
  const widths = shrink(natural, width - gap.length * (columns.length - 1));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, index) => pad(row[index] ?? "", widths[index] ?? 0, align ?? "left"))
      .join(gap)
      .trimEnd();
  return [line(titles), ...cells.map(line)].join("\n");
};

const shrink = (natural: readonly number[], room: number): number[] => {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) break;
    widths[widths.indexOf(widest)] = widest - 1;
    excess -= 1;
  }
  return widths;
};

const pad = (text: string, width: number, align: "left" | "right"): string => {
  const letters = [...text];
  const cut = letters.length > width ? `${letters.slice(0, width - 1).join("")}…` : text;
  const blanks = " ".repeat(width - lengthOf(cut));
  return align === "right" ? blanks + cut : cut + blanks;
};

const lengthOf = (text: string): number => [...text].length;

// Cells hold what people typed: none may move the cursor or colour the terminal.
const plain = (cell: string | number): string => String(cell).replaceAll(/\p{Cc}/gu, "?");
