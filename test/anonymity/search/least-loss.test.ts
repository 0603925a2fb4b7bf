import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Levels } from "#anonymity/search/judge.ts";
import { compare, latticeOf, type Lattice } from "#anonymity/search/lattice.ts";
import { leastLoss } from "#anonymity/search/least-loss.ts";

/** Of each column its highest level, and what it loses at each: never less at a higher one. */
const shape = fc
  .array(fc.array(fc.nat({ max: 6 }), { maxLength: 4 }), { minLength: 1, maxLength: 4 })
  .map((columns) => ({
    most: columns.map((steps) => steps.length),
    losses: columns.map((steps) =>
      steps.reduce<number[]>((levels, step) => [...levels, (levels.at(-1) ?? 0) + step], [0]),
    ),
  }));

/** What is held back at some levels: the fewer, the more of these levels are reached. So it never grows with generalisation. */
const burdens = fc.array(
  fc.record({ at: fc.array(fc.nat({ max: 4 }), { minLength: 4, maxLength: 4 }), rows: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 8 },
);
type Burdens = readonly { readonly at: Levels; readonly rows: number }[];
const heldAt = (some: Burdens, levels: Levels): number =>
  some
    .filter(({ at }) => !levels.every((level, column) => level >= (at[column] ?? 0)))
    .reduce((sum, { rows }) => sum + rows, 0);

const ranks = (lattice: Lattice, held: (levels: Levels) => number, allowed: number, each: number) =>
  Array.from({ length: lattice.size }, (_, node) => node)
    .filter((node) => held(lattice.levels(node)) <= allowed)
    .map((node) => ({
      loss: lattice.loss(node) + each * held(lattice.levels(node)),
      height: lattice.height(node),
      node,
    }))
    .toSorted(compare);

describe("a search of the lattice", () => {
  it("finds the first of all that meet, whatever holds rows back and whatever these lose", async () => {
    await fc.assert(
      fc.asyncProperty(
        shape,
        burdens,
        fc.nat({ max: 6 }),
        fc.nat({ max: 2 }),
        async ({ most, losses }, some, allowed, each) => {
          const lattice = latticeOf(most, losses);
          const seen = new Set<number>();
          const { least, looked } = await leastLoss(lattice, (levels) => {
            const node = lattice.nodeOf(levels);
            expect(seen.has(node)).toBe(false);
            seen.add(node);
            const held = heldAt(some, levels);
            return Promise.resolve({ met: held <= allowed, heldLoss: each * held });
          });
          const [first] = ranks(lattice, (levels) => heldAt(some, levels), allowed, each);
          expect(least).toEqual(first && { levels: lattice.levels(first.node), loss: first.loss });
          expect(looked).toBe(seen.size);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("looks once where nothing meets: at the highest levels", async () => {
    const lattice = latticeOf(
      [3, 3],
      [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
      ],
    );
    const { least, looked } = await leastLoss(lattice, () => Promise.resolve({ met: false, heldLoss: 0 }));
    expect(least).toBeUndefined();
    expect(looked).toBe(1);
  });

  it("goes straight down where everything meets", async () => {
    const lattice = latticeOf(
      [3, 3],
      [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
      ],
    );
    const { least, looked } = await leastLoss(lattice, () => Promise.resolve({ met: true, heldLoss: 0 }));
    expect(least).toEqual({ levels: [0, 0], loss: 0 });
    expect(looked).toBe(7);
  });

  it("takes a million combinations in seconds, and looks at few of them", async () => {
    const losses = Array.from({ length: 6 }, (_, column) =>
      Array.from({ length: 10 }, (_each, level) => level * (column + 1)),
    );
    const lattice = latticeOf(
      losses.map(() => 9),
      losses,
    );
    const { least, looked } = await leastLoss(lattice, (levels) =>
      Promise.resolve({ met: levels.reduce((sum, level) => sum + level, 0) >= 20, heldLoss: 0 }),
    );
    expect(lattice.size).toBe(1_000_000);
    expect(least?.levels).toEqual([9, 9, 2, 0, 0, 0]);
    expect(looked).toBeLessThan(2000);
  }, 30_000);
});
