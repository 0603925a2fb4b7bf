import { circlesThrough } from "#report/circles.ts";

/**
 * A cell of a published table of totals: `row` and `column` are its lines, `people` how many it is made of. `bare`: it must not be published,
 * however many they are.
 */
export type Cell = { readonly row: string; readonly column: string; readonly people: number; readonly bare: boolean };

/**
 * Which cells are withheld, by their places: those of fewer people than `least` (primary suppression), and as many more as are needed so that
 * nobody can work one out who knows what is published and the total of every row and column of two cells or more (secondary suppression,
 * requirement D5); nor the sum of fewer than `least`. What those totals would tell whatever else is withheld, nothing protects.
 *
 * A withheld cell is known exactly when it is a bridge in the graph whose nodes are the rows and columns, and whose edges are the withheld cells:
 * along a circle one can add here and take away there, and no total changes. Lines of one cell have no total but that cell: they are one
 * node, `open`, at which nothing has to come out even. Takes O(n log n) of n cells; of more than half a million nobody picks the few that could be told.
 */
export const withheldOf = (cells: readonly Cell[], least: number): ReadonlySet<number> => {
  const withheld = new Set<number>();
  for (const [place, { people, bare }] of cells.entries()) if (bare || people < least) withheld.add(place);
  if (withheld.size === 0) return withheld;
  if (cells.length > mostCells) return new Set(cells.keys());
  const { graph, lines } = graphOf(cells);
  for (let before = -1; before !== withheld.size;) {
    before = withheld.size;
    for (const place of circlesThrough(graph, withheld)) withheld.add(place);
    for (const line of lines) enough(cells, line, withheld, least);
  }
  return withheld;
};

const mostCells = 500_000;
const open = 0;

const graphOf = (cells: readonly Cell[]) => {
  const inOrder = [...cells.keys()].toSorted((a, b) => (cells[a]?.people ?? 0) - (cells[b]?.people ?? 0) || a - b);
  const lines = [
    ...Map.groupBy(inOrder, (place) => `row ${cells[place]?.row}`).entries(),
    ...Map.groupBy(inOrder, (place) => `column ${cells[place]?.column}`).entries(),
  ].filter(([, places]) => places.length > 1);
  const nodes = new Map(lines.map(([name], index) => [name, index + 1]));
  const ends = cells.map(({ row, column }): readonly [number, number] => [
    nodes.get(`row ${row}`) ?? open,
    nodes.get(`column ${column}`) ?? open,
  ]);
  return {
    graph: { ends, inOrder, nodes: lines.length + 1 },
    /** Places of the cells that share a total, the fewest people first: rows and columns of two cells or more, and all of them together. */
    lines: [...lines.map(([, places]) => places), inOrder],
  };
};

/**
 * What is withheld of a line is of as many people as a cell needs: its total less what is published is their sum. One person may be in all cells of
 * a line, so that those of several are not known to be more than those of the largest.
 */
const enough = (cells: readonly Cell[], line: readonly number[], withheld: Set<number>, least: number): void => {
  const hidden = line.filter((place) => withheld.has(place));
  if (hidden.length === 0) return;
  if (hidden.length > 1 && hidden.some((place) => (cells[place]?.people ?? 0) >= least)) return;
  // Whatever is not withheld yet is of enough people.
  const next = line.find((place) => !withheld.has(place));
  if (next !== undefined) withheld.add(next);
};
