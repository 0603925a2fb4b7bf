import { createHash } from "node:crypto";

/** RFC 6962 §2.1 word for word, recursive and slow: what the real tree is compared with. */
const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const split = (n: number): number => 2 ** Math.floor(Math.log2(n - 1));

export const mth = (entries: readonly Uint8Array[]): Buffer => {
  const [only] = entries;
  if (only === undefined) return sha256();
  if (entries.length === 1) return sha256(Buffer.of(0), only);
  const k = split(entries.length);
  return sha256(Buffer.of(1), mth(entries.slice(0, k)), mth(entries.slice(k)));
};

export const path = (m: number, entries: readonly Uint8Array[]): readonly Buffer[] => {
  if (entries.length === 1) return [];
  const k = split(entries.length);
  const [low, high] = [entries.slice(0, k), entries.slice(k)];
  return m < k ? [...path(m, low), mth(high)] : [...path(m - k, high), mth(low)];
};

export const proof = (m: number, entries: readonly Uint8Array[]): readonly Buffer[] => subproof(m, entries, true);

const subproof = (m: number, entries: readonly Uint8Array[], known: boolean): readonly Buffer[] => {
  if (m === entries.length) return known ? [] : [mth(entries)];
  const k = split(entries.length);
  const [low, high] = [entries.slice(0, k), entries.slice(k)];
  return m <= k ? [...subproof(m, low, known), mth(high)] : [...subproof(m - k, high, false), mth(low)];
};

/** The leaves of the Certificate Transparency project's own tests. */
export const standardLeaves = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((hex) => Buffer.from(hex, "hex"));

/** Sizes at which trees change their shape: 0, 1 and 2^n ± 1. */
export const edgeSizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65];

export const entriesOf = (size: number): readonly Buffer[] =>
  Array.from({ length: size }, (_, n) => Buffer.from(`${n}`));
