import type { Prng } from "#demo/prng.ts";

/**
 * Number ranges that no subscriber can have: Germany's "drama numbers" (Bundesnetzagentur), Ofcom's 020 7946 0xxx,
 * ARCEP's 01 99 00 and 06 39 98. E.164; `#` stands for a digit.
 */
const german = ["+493023125###", "+496990009###", "+494066969###", "+492214710###", "+498999998###"];
const ranges: Readonly<Record<string, readonly string[]>> = {
  GB: ["+442079460###"],
  FR: ["+33199001###", "+33639981###", "+33639984###"],
};

/** Hands out each fictional number once. */
export const phoneBook = (random: Prng): ((country: string) => string) => {
  const taken = new Set<string>();
  return (country) => {
    for (;;) {
      const number = random.pick(ranges[country] ?? german).replaceAll("#", () => String(random.int(0, 9)));
      if (taken.has(number)) continue;
      taken.add(number);
      return number;
    }
  };
};
