import type { Levels } from "#anonymity/search/judge.ts";
import { compare, type Lattice, type Rank } from "#anonymity/search/lattice.ts";

export type Verdict = {
  /** Enough rows reach the thresholds. Whatever is coarser in every column has to reach them too. */
  readonly met: boolean;
  /** What the rows lose that are held back, besides. */
  readonly heldLoss: number;
};

export type Least = { readonly levels: Levels; readonly loss: number };

const failed = 1;
const judged = 2;

/**
 * The combination of levels that loses least among those that meet the thresholds, and how many were looked at to know it; undefined
 * where none meets them.
 *
 * A combination is left out for one of two reasons. It fails because a coarser one failed: generalising further never breaks k, l or t
 * (the roll-up and generalisation properties of Incognito, LeFevre et al., SIGMOD 2005; Machanavajjhala et al., 2007; Li et al., 2007).
 * Or it is no better than one that was found: its columns alone lose as much, and rows that are held back only add to that. So what is
 * found is the least of all, in whatever order they are looked at; the order below decides only how many that are.
 */
export const leastLoss = async (
  lattice: Lattice,
  look: (levels: Levels) => Promise<Verdict>,
): Promise<{ readonly least: Least | undefined; readonly looked: number }> => {
  const state = new Uint8Array(lattice.size);
  let best: Rank | undefined;
  let looked = 0;
  const atBest = (node: number): Rank => ({ loss: lattice.loss(node), height: lattice.height(node), node });
  const isHopeless = (node: number): boolean => best !== undefined && compare(atBest(node), best) >= 0;
  const fail = (node: number): void => {
    const open = [node];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (state[next] === failed) continue;
      state[next] = failed;
      open.push(...lattice.finer(next));
    }
  };
  const meets = async (node: number): Promise<boolean> => {
    looked += 1;
    const { met, heldLoss } = await look(lattice.levels(node));
    if (!met) {
      fail(node);
      return false;
    }
    state[node] = judged;
    const rank = { ...atBest(node), loss: lattice.loss(node) + heldLoss };
    if (best === undefined || compare(rank, best) < 0) best = rank;
    return true;
  };
  /** Down from one that meets, each time to the finer one with the least loss, as far as they meet: soon there is a good one. */
  const descend = async (from: number): Promise<void> => {
    let node: number | undefined = from;
    while (node !== undefined) {
      const finer: readonly number[] = lattice.finer(node).toSorted((a, b) => compare(atBest(a), atBest(b)));
      node = undefined;
      for (const each of finer) {
        // oxlint-disable-next-line no-await-in-loop -- one connection, and the next step depends on this one
        if (state[each] === 0 && !isHopeless(each) && (await meets(each))) {
          node = each;
          break;
        }
      }
    }
  };
  // From what loses most: whatever fails then has nothing above it that is still open, so nobody could have spared looking at it.
  for (const node of byLoss(lattice)) {
    if (state[node] !== 0 || isHopeless(node)) continue;
    // oxlint-disable-next-line no-await-in-loop -- as above
    if (await meets(node)) await descend(node);
  }
  return { least: best && { levels: lattice.levels(best.node), loss: best.loss }, looked };
};

/** Most loss first. The last is the table as it is. */
const byLoss = (lattice: Lattice): Uint32Array => {
  const losses = Float64Array.from({ length: lattice.size }, (_, node) => lattice.loss(node));
  return Uint32Array.from({ length: lattice.size }, (_, node) => node).toSorted(
    (a, b) => (losses[b] ?? 0) - (losses[a] ?? 0) || lattice.height(b) - lattice.height(a) || b - a,
  );
};
