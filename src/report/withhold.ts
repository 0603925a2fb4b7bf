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
 * node, `open`, at which nothing has to come out even.
 */
export const withheldOf = (cells: readonly Cell[], least: number): ReadonlySet<number> => {
  const graph = graphOf(cells);
  const withheld = new Set<number>();
  for (const [place, { people, bare }] of cells.entries()) if (bare || people < least) withheld.add(place);
  for (let before = -1; before !== withheld.size;) {
    before = withheld.size;
    closeCircles(graph, withheld);
    for (const line of graph.lines) enough(cells, line, withheld, least);
  }
  return withheld;
};

type Edge = { readonly place: number; readonly to: number };
type Graph = {
  readonly cells: readonly Cell[];
  /** Both ends of each cell. */
  readonly ends: readonly (readonly [number, number])[];
  readonly edges: readonly (readonly Edge[])[];
  /** Places of the cells that share a total: rows and columns of two cells or more, and all of them together. */
  readonly lines: readonly (readonly number[])[];
};

const open = 0;

const graphOf = (cells: readonly Cell[]): Graph => {
  const lines = [
    ...Map.groupBy(cells.keys(), (place) => `row ${cells[place]?.row}`).entries(),
    ...Map.groupBy(cells.keys(), (place) => `column ${cells[place]?.column}`).entries(),
  ].filter(([, places]) => places.length > 1);
  const nodes = new Map(lines.map(([name], index) => [name, index + 1]));
  const ends = cells.map(({ row, column }): readonly [number, number] => [
    nodes.get(`row ${row}`) ?? open,
    nodes.get(`column ${column}`) ?? open,
  ]);
  const edges: Edge[][] = Array.from({ length: lines.length + 1 }, () => []);
  for (const [place, [from, to]] of ends.entries()) {
    edges[from]?.push({ place, to });
    if (from !== to) edges[to]?.push({ place, to: from });
  }
  return { cells, ends, edges, lines: [...lines.map(([, places]) => places), [...cells.keys()]] };
};

/** Puts every withheld cell on a circle of withheld ones, where there is any, along the fewest people that are not withheld yet. */
const closeCircles = (graph: Graph, withheld: Set<number>): void => {
  for (const place of bridgesOf(graph, withheld)) {
    const way = cheapestWay(graph, place, withheld);
    for (const other of way) withheld.add(other);
  }
};

/** The withheld cells that are on no circle of withheld ones: those edges of a spanning forest that no other edge closes to one. */
const bridgesOf = ({ ends, edges }: Graph, withheld: ReadonlySet<number>): readonly number[] => {
  const up = new Map<number, { readonly node: number; readonly place: number; readonly depth: number }>();
  const tree = new Set<number>();
  for (const root of edges.keys()) {
    if (up.has(root)) continue;
    up.set(root, { node: root, place: -1, depth: 0 });
    for (const queue = [root]; queue.length > 0;) {
      const node = queue.pop() ?? root;
      for (const { place, to } of edges[node] ?? []) {
        if (!withheld.has(place) || up.has(to)) continue;
        up.set(to, { node, place, depth: (up.get(node)?.depth ?? 0) + 1 });
        tree.add(place);
        queue.push(to);
      }
    }
  }
  // Whatever is on a circle is one node from then on, so that no edge is looked at twice.
  const merged = [...edges.keys()];
  const find = (node: number): number => {
    let at = node;
    while (merged[at] !== at) {
      merged[at] = merged[merged[at] ?? at] ?? at;
      at = merged[at] ?? at;
    }
    return at;
  };
  for (const place of withheld) {
    if (tree.has(place)) continue;
    let [a, b] = (ends[place] ?? [open, open]).map(find) as [number, number];
    while (a !== b) {
      if ((up.get(a)?.depth ?? 0) < (up.get(b)?.depth ?? 0)) [a, b] = [b, a];
      const step = up.get(a);
      if (step === undefined || step.place < 0) break;
      tree.delete(step.place);
      merged[a] = step.node;
      a = find(a);
    }
  }
  return [...tree];
};

/** From one end of a cell to the other without it (Dijkstra); empty where none leads there, or no further step is needed. */
const cheapestWay = (
  { cells, ends, edges }: Graph,
  without: number,
  withheld: ReadonlySet<number>,
): readonly number[] => {
  const [start, end] = ends[without] ?? [open, open];
  if (start === end) return [];
  const cost = new Map([[start, 0]]);
  const came = new Map<number, { readonly place: number; readonly from: number }>();
  const done = new Set<number>();
  for (;;) {
    const node = nearestOf(cost, done);
    if (node === undefined) return [];
    if (node === end) break;
    done.add(node);
    for (const { place, to } of edges[node] ?? []) {
      if (place === without) continue;
      const next = (cost.get(node) ?? 0) + (withheld.has(place) ? 0 : (cells[place]?.people ?? 0) + 1);
      if (next >= (cost.get(to) ?? Infinity)) continue;
      cost.set(to, next);
      came.set(to, { place, from: node });
    }
  }
  const way: number[] = [];
  for (let at = end; at !== start;) {
    const step = came.get(at);
    if (step === undefined) return [];
    way.push(step.place);
    at = step.from;
  }
  return way;
};

const nearestOf = (cost: ReadonlyMap<number, number>, done: ReadonlySet<number>): number | undefined => {
  let nearest: number | undefined;
  for (const [node, far] of cost) {
    if (!done.has(node) && (nearest === undefined || far < (cost.get(nearest) ?? Infinity))) nearest = node;
  }
  return nearest;
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
  const others = line.filter((place) => !withheld.has(place));
  const [next] = others.toSorted((a, b) => (cells[a]?.people ?? 0) - (cells[b]?.people ?? 0) || a - b);
  if (next !== undefined) withheld.add(next);
};
