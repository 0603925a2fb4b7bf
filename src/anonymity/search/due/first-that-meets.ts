import type { Levels } from "#anonymity/search/judge.ts";
import { compare, type Lattice, type Rank } from "#anonymity/search/lattice.ts";

export type DueVerdict = {
  /** People whose rows do not reach the thresholds. */
  readonly people: number;
  /** Of those, people in whose classes there are too few others, or too few values: what is true of some columns is true of more. */
  readonly thin: number;
  /** Classes of published rows that met the thresholds, and would not. */
  readonly weakened: number;
};

/** How combinations of levels are looked at: whole ones, and some of the columns of one. */
export type DueLooks = {
  readonly whole: (levels: Levels) => Promise<DueVerdict>;
  /** People with too few others, or too few values, in classes by these columns alone. */
  readonly part: (levels: Levels, columns: readonly number[]) => Promise<number>;
};

export type DueLeast = {
  readonly levels: Levels;
  readonly met: boolean;
  /** Whole combinations that were looked at, and parts of some. */
  readonly looked: number;
  readonly parts: number;
  /** Combinations that only what they do to published rows forbids. */
  readonly refused: number;
};

/** Levels of some columns by which so many people are told that whatever else the others are at cannot hide them. */
type Cause = { readonly columns: readonly number[]; readonly levels: Levels; readonly people: number };

/**
 * The combination with the least loss that meets the thresholds, of all; where none does, the one at which the fewest people wait, and of these the
 * least loss; before all others those that weaken nothing that is published.
 *
 * Beside rows that stay as they are nothing follows from a coarser combination for a finer one, nor the other way round: a coarser level joins the
 * rows that are due, and takes them away from what was published at the finer one. So they are looked at by loss, and the first that meets is it.
 * What does hold is the subset property (Incognito, LeFevre et al., SIGMOD 2005): rows that are equal in all columns are equal in some of them, so a
 * class by some columns has no fewer people and values. When a combination is too thin, its columns are left out one by one as long as it still
 * is; whatever has the levels that are left is too thin as well, and is not looked at.
 */
export const firstThatMeets = async (lattice: Lattice, columns: number, looks: DueLooks): Promise<DueLeast> => {
  const causes: Cause[] = [];
  const seen = new Map<number, DueVerdict>();
  let parts = 0;
  const atLeast = (node: number): number => {
    const levels = lattice.levels(node);
    return causes.reduce(
      (most, cause) =>
        cause.columns.every((each) => levels[each] === cause.levels[each]) ? Math.max(most, cause.people) : most,
      0,
    );
  };
  const causeOf = async (levels: Levels, people: number): Promise<Cause> => {
    let cause: Cause = { columns: Array.from({ length: columns }, (_, column) => column), levels, people };
    for (let column = 0; column < columns; column += 1) {
      const rest = cause.columns.filter((each) => each !== column);
      if (rest.length === 0) break;
      parts += 1;
      // oxlint-disable-next-line no-await-in-loop -- one connection, and the next step depends on this one
      const thin = await looks.part(levels, rest);
      if (thin > 0) cause = { columns: rest, levels, people: thin };
    }
    return cause;
  };
  const rankOf = (node: number): Rank => ({ loss: lattice.loss(node), height: lattice.height(node), node });
  const look = async (node: number): Promise<DueVerdict> => {
    const verdict = await looks.whole(lattice.levels(node));
    seen.set(node, verdict);
    return verdict;
  };
  const answer = (node: number, met: boolean): DueLeast => {
    const refused = [...seen.values()].filter(({ people, weakened }) => people === 0 && weakened > 0).length;
    return { levels: lattice.levels(node), met, looked: seen.size, parts, refused };
  };

  const ranks = Array.from({ length: lattice.size }, (_, node) => rankOf(node)).toSorted(compare);
  for (const { node } of ranks) {
    if (atLeast(node) > 0) continue;
    // oxlint-disable-next-line no-await-in-loop -- as above
    const { people, thin, weakened } = await look(node);
    if (people === 0 && weakened === 0) return answer(node, true);
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (thin > 0) causes.push(await causeOf(lattice.levels(node), thin));
  }

  // None meets. A cause says for how many at least a combination is too thin: those with the fewest come first.
  let best: (Rank & DueVerdict) | undefined;
  const open = ranks.map((rank) => ({ rank, least: seen.get(rank.node)?.people ?? atLeast(rank.node) }));
  for (const { rank, least } of open.toSorted((a, b) => a.least - b.least || compare(a.rank, b.rank))) {
    if (best !== undefined && best.weakened === 0 && (best.people - least || compare(best, rank)) < 0) break;
    // oxlint-disable-next-line no-await-in-loop -- as above
    const verdict = seen.get(rank.node) ?? (await look(rank.node));
    if (best === undefined || better({ ...rank, ...verdict }, best)) best = { ...rank, ...verdict };
  }
  if (best === undefined) throw new TypeError("a lattice has a node");
  return answer(best.node, false);
};

const better = (a: Rank & DueVerdict, b: Rank & DueVerdict): boolean =>
  (Number(a.weakened > 0) - Number(b.weakened > 0) || a.people - b.people || compare(a, b)) < 0;
