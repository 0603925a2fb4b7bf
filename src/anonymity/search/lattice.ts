import type { Levels } from "#anonymity/search/judge.ts";

/**
 * All combinations of levels (LeFevre et al., 2005: the full-domain generalisation lattice), numbered so that a combination with lower
 * levels in the first columns comes first. No combination is ever an object: a number, a byte and its place in an order are all of it.
 */
export type Lattice = {
  readonly size: number;
  readonly levels: (node: number) => Levels;
  readonly nodeOf: (levels: Levels) => number;
  /** The combinations that are finer by one level in one column, or coarser. */
  readonly finer: (node: number) => readonly number[];
  /** What the columns lose together, before any row is held back. */
  readonly loss: (node: number) => number;
  /** How many levels up from the table as it is. */
  readonly height: (node: number) => number;
};

/** `most`: the highest level of each column; `losses`: of each column what it loses at each level, never less at a higher one. */
export const latticeOf = (most: Levels, losses: readonly (readonly number[])[]): Lattice => {
  const strides: number[] = [];
  let size = 1;
  for (const level of most.toReversed()) {
    strides.unshift(size);
    size *= level + 1;
  }
  const levelAt = (node: number, column: number): number =>
    Math.floor(node / (strides[column] ?? 1)) % ((most[column] ?? 0) + 1);
  const sum = (node: number, of: (column: number, level: number) => number): number => {
    let total = 0;
    for (let column = 0; column < strides.length; column += 1) total += of(column, levelAt(node, column));
    return total;
  };
  return {
    size,
    levels: (node) => strides.map((_, column) => levelAt(node, column)),
    nodeOf: (levels) => levels.reduce((node, level, column) => node + level * (strides[column] ?? 1), 0),
    finer: (node) => strides.flatMap((stride, column) => (levelAt(node, column) === 0 ? [] : [node - stride])),
    loss: (node) => sum(node, (column, level) => losses[column]?.[level] ?? 0),
    height: (node) => sum(node, (_, level) => level),
  };
};

/** How good a combination is: less loss first, then lower, then the first by number, so that the same table has one best. */
export type Rank = { readonly loss: number; readonly height: number; readonly node: number };

export const compare = (a: Rank, b: Rank): number => a.loss - b.loss || a.height - b.height || a.node - b.node;
