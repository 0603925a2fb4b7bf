import { randomBytes } from "node:crypto";

/** The only source of randomness (I13): returns `bytes` unpredictable bytes. */
export type Random = (bytes: number) => Uint8Array;

export const systemRandom: Random = (bytes) => randomBytes(bytes);

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** `length` characters of Crockford's base 32: no I, L, O, U, so that people can read it over the telephone. */
export const randomCode = (random: Random, length: number): string =>
  Array.from(random(length), (byte) => alphabet[byte % 32]).join("");

/** Request references are random, so that nothing about the person or the order of arrival can be read off them. */
export const requestReference = (random: Random): string => `R-${groups(random)}`;

/** Of a legal hold, in the same form. */
export const holdReference = (random: Random): string => `H-${groups(random)}`;

const groups = (random: Random): string => {
  const code = randomCode(random, 12);
  return `${code.slice(0, 4)}-${code.slice(4, 8)}-${code.slice(8)}`;
};

/** Time first, so that directories sort; random last, so that two machines never meet. */
export const runIdentifier = (now: { toString(): string }, random: Random): string =>
  `${now
    .toString()
    .replaceAll(/[-:]|\..*$/g, "")
    .replace(/Z?$/, "Z")}-${randomCode(random, 6)}`;

export const isRunIdentifier = (name: string): boolean => /^\d{8}T\d{6}Z-[0-9A-Z]{6}$/.test(name);

/** Sixteen random bytes as a UUID of version 4 (RFC 9562). */
export const uuidFrom = (bytes: Uint8Array): string => {
  const hex = Buffer.from(bytes).toString("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};
