import { createHash, hash } from "node:crypto";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/**
 * JSON Canonicalization Scheme, RFC 8785: members sorted by UTF-16 code units, no white space, numbers and strings as
 * ECMAScript prints them. Members whose value is `undefined` are left out. Throws on numbers that JSON cannot carry.
 */
export const canonicalJson = (value: Json): string => {
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError("not a JSON number");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.entries(value)
    .filter((member): member is [string, Json] => member[1] !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
};

/** Lower-case hexadecimal SHA-256 of UTF-8 text or bytes. */
export const sha256Hex = (input: string | Uint8Array): string => hash("sha256", input, "hex");

/** The digest by which plans, policies and shapes are named: SHA-256 over their canonical JSON. */
export const digestOf = (value: Json): string => sha256Hex(canonicalJson(value));

/** The same of a list, whose text is never held as a whole. */
export const digestOfList = (values: Iterable<Json>): string => {
  const digest = createHash("sha256").update("[");
  let separator = "";
  for (const value of values) {
    digest.update(`${separator}${canonicalJson(value)}`);
    separator = ",";
  }
  return digest.update("]").digest("hex");
};

// `Array.isArray` does not narrow a readonly array out of a union.
const isArray = (value: unknown): value is readonly Json[] => Array.isArray(value);
