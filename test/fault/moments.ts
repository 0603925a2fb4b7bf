import fc from "fast-check";

/**
 * Random moments of a night as shares of its usual length, one in each of as many equal parts of it, so that every part is hit. The
 * last hundredths are left out: half of all nights are over by then. Always the same for a seed, and without the preference for
 * bounds that a generator of test data has.
 */
export const momentsOf = (count: number, seed: number): readonly number[] => {
  const within = fc.noBias(fc.integer({ min: 0, max: 999 }));
  const [offsets = []] = fc.sample(fc.array(within, { minLength: count, maxLength: count }), { seed, numRuns: 1 });
  return offsets.map((offset, index) => (0.96 * (index + offset / 1000)) / count);
};

/** A night that ended before its moment is tried again with an earlier one: the machine is faster than it was. */
export const attempts: readonly number[] = [1, 0.95, 0.85, 0.7, 0.5];
