/** A seeded stream of numbers: the sample company must be the same for everybody who asks for the same seed. */
export type Prng = {
  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number;
  /** True with probability `share` (0 to 1). */
  chance(share: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** One of the values, with probability in proportion to its weight. */
  weighted<T>(from: readonly (readonly [T, number])[]): T;
  /** `length` characters of lower-case base 32. */
  code(length: number): string;
};

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * mulberry32 (Tommy Ettinger, public domain), its state taken from FNV-1a over `seed` and `label`. Each part of the
 * company draws from its own labelled stream, so that a change to one part leaves the others as they were.
 * For sample data only: it is predictable by design.
 */
export const prng = (seed: number, label: string): Prng => {
  let state = 2_166_136_261 ^ seed;
  for (const byte of Buffer.from(label)) state = Math.imul(state ^ byte, 16_777_619);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1));
  const pick = <T>(from: readonly T[]): T => {
    const value = from[int(0, from.length - 1)];
    if (value === undefined) throw new RangeError("nothing to pick from");
    return value;
  };
  return {
    int,
    pick,
    chance: (share) => next() < share,
    weighted: (from) => {
      let left = next() * from.reduce((sum, [, weight]) => sum + weight, 0);
      const hit = from.find(([, weight]) => (left -= weight) < 0) ?? from.at(-1);
      if (hit === undefined) throw new RangeError("nothing to pick from");
      return hit[0];
    },
    code: (length) => Array.from({ length }, () => alphabet[int(0, 31)]).join(""),
  };
};
