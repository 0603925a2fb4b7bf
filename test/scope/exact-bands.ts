import fc from "fast-check";

/** A number as it is written, and the bands in which it lies. */
export type Banded = { readonly written: string; readonly width: number; readonly from: number };

const bands = {
  width: fc.constantFrom(0.001, 0.25, 1, 3, 7, 7.3, 10, 1000),
  from: fc.constantFrom(0, 5, -0.5, 1.7),
};
const digits = 10n ** 28n;

/** Up to 28 digits before the point, and a few behind it. */
export const bandedDecimals = fc.record({
  written: fc
    .tuple(fc.bigInt({ min: -digits, max: digits }), fc.integer({ min: 0, max: 6 }))
    .map(([whole, places]) => decimalText(whole, places)),
  ...bands,
});

/** Doubles of which everybody writes the same digits. */
export const bandedDoubles = fc.record({
  written: fc
    .tuple(fc.maxSafeInteger(), fc.integer({ min: 0, max: 8 }))
    .map(([whole, places]) => String(Number(`${whole}e${-places}`))),
  ...bands,
});

const scale = 30;

/** The lower end of the band, in whole numbers throughout; as a decimal. */
export const lowerEndOf = ({ written, width, from }: Banded): string => {
  const [d, w] = [scaled(written) - scaled(String(from)), scaled(String(width))];
  const remainder = ((d % w) + w) % w;
  return decimalText(scaled(written) - remainder, scale);
};

/** Whether two numbers are the same, however many zeros they are written with. */
export const isSame = (one: string, other: string): boolean => scaled(one) === scaled(other);

const scaled = (written: string): bigint => {
  const [mantissa = "", exponent = "0"] = written.split("e");
  const [whole = "", behind = ""] = mantissa.split(".");
  return BigInt(`${whole}${behind}`) * 10n ** BigInt(scale + Number(exponent) - behind.length);
};

const decimalText = (whole: bigint, places: number): string => {
  const text = String(whole < 0n ? -whole : whole).padStart(places + 1, "0");
  const sign = whole < 0n ? "-" : "";
  return places === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -places)}.${text.slice(-places)}`;
};
