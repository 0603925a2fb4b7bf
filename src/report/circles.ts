/** Edges are known by their places: `ends` are the two nodes of each, `inOrder` the places by what they cost, the cheapest first. */
export type Graph = {
  readonly ends: readonly (readonly [number, number])[];
  readonly inOrder: readonly number[];
  readonly nodes: number;
};

/**
 * The edges beyond the `chosen` ones with which each of those lies on a circle, where there is any. A minimum spanning forest holds all chosen edges that
 * do not lie on a circle of chosen ones; such an edge is closed to a circle by the cheapest edge outside the forest whose way through the forest leads
 * over it. Every edge of the forest is passed twice at most, however many circles lead over it.
 */
export const circlesThrough = (graph: Graph, chosen: ReadonlySet<number>): ReadonlySet<number> => {
  const { forest, others } = spanningForest(graph, chosen);
  const ways = new Ways(graph, forest);
  const bridges = others.map((place) => ({ place, over: ways.take(place).filter((each) => chosen.has(each)) }));
  const again = new Ways(graph, forest);
  const passed = new Set<number>();
  const added = new Set<number>();
  for (const { place, over } of bridges) {
    if (chosen.has(place) || over.every((each) => passed.has(each))) continue;
    for (const each of [place, ...again.take(place)]) {
      passed.add(each);
      if (!chosen.has(each)) added.add(each);
    }
  }
  return added;
};

/** Kruskal's: chosen edges cost nothing. `others` are in order. */
const spanningForest = ({ ends, inOrder, nodes }: Graph, chosen: ReadonlySet<number>) => {
  const parts = new Parts(nodes);
  const forest: number[] = [];
  const others: number[] = [];
  for (const isChosen of [true, false]) {
    for (const place of inOrder) {
      if (chosen.has(place) !== isChosen) continue;
      const [a, b] = ends[place] ?? [0, 0];
      (parts.join(a, b) ? forest : others).push(place);
    }
  }
  return { forest, others };
};

/** Disjoint sets of nodes, each under the name of one of them. */
class Parts {
  readonly #of: number[];

  constructor(nodes: number) {
    this.#of = Array.from({ length: nodes }, (_, node) => node);
  }

  find(node: number): number {
    const of = this.#of;
    let at = node;
    for (let up = of[at] ?? at; up !== at; up = of[at] ?? at) {
      of[at] = of[up] ?? up;
      at = of[at] ?? at;
    }
    return at;
  }

  /** The part of `a` becomes one of `b`'s, whose name stays. False: it is already. */
  join(a: number, b: number): boolean {
    const [from, to] = [this.find(a), this.find(b)];
    this.#of[from] = to;
    return from !== to;
  }
}

/** The ways through a forest. Whatever was passed is one node from then on, so that no edge is passed twice. */
class Ways {
  readonly #graph: Graph;
  readonly #up: ReadonlyMap<number, { readonly node: number; readonly place: number; readonly depth: number }>;
  readonly #parts: Parts;

  constructor(graph: Graph, forest: readonly number[]) {
    this.#graph = graph;
    this.#up = rooted(graph, forest);
    this.#parts = new Parts(graph.nodes);
  }

  /** The edges between the ends of one outside the forest that no way has led over yet. */
  take(place: number): readonly number[] {
    const way: number[] = [];
    let [a, b] = (this.#graph.ends[place] ?? [0, 0]).map((end) => this.#parts.find(end)) as [number, number];
    while (a !== b) {
      if (this.#depth(a) < this.#depth(b)) [a, b] = [b, a];
      const step = this.#up.get(a);
      if (step === undefined) throw new TypeError("both ends of an edge outside the forest are in one tree");
      way.push(step.place);
      this.#parts.join(a, step.node);
      a = this.#parts.find(a);
    }
    return way;
  }

  #depth(node: number): number {
    return this.#up.get(node)?.depth ?? 0;
  }
}

/** Of each node but the roots the next one towards its root, and the edge that leads there. */
const rooted = ({ ends, nodes }: Graph, forest: readonly number[]) => {
  const beside: { readonly node: number; readonly place: number }[][] = Array.from({ length: nodes }, () => []);
  for (const place of forest) {
    const [a, b] = ends[place] ?? [0, 0];
    beside[a]?.push({ node: b, place });
    beside[b]?.push({ node: a, place });
  }
  const up = new Map<number, { readonly node: number; readonly place: number; readonly depth: number }>();
  const seen = new Set<number>();
  for (let root = 0; root < nodes; root += 1) {
    if (seen.has(root)) continue;
    seen.add(root);
    for (const queue = [{ node: root, depth: 0 }]; queue.length > 0;) {
      const at = queue.pop() ?? { node: root, depth: 0 };
      for (const { node, place } of beside[at.node] ?? []) {
        if (seen.has(node)) continue;
        seen.add(node);
        up.set(node, { node: at.node, place, depth: at.depth + 1 });
        queue.push({ node, depth: at.depth + 1 });
      }
    }
  }
  return up;
};
