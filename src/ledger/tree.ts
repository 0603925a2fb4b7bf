import { createHash, hash as digest } from "node:crypto";

/**
 * The Merkle tree of RFC 6962 §2.1 over SHA-256. Pure: callers bring the leaf hashes, from wherever they keep them.
 * Sizes and indexes are exact integers up to 2^53.
 */

/** SHA-256 of nothing: the root of the tree without leaves. */
export const emptyRoot: Buffer = digest("sha256", "", "buffer");

const leafPrefix = Buffer.of(0x00);
const nodePrefix = Buffer.of(0x01);

/** `SHA-256(0x00 || entry)`. The prefixes keep a leaf from passing for an inner node. */
export const leafHash = (entry: string | Uint8Array): Buffer =>
  createHash("sha256").update(leafPrefix).update(entry).digest();

/** `SHA-256(0x01 || left || right)`. */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer =>
  digest("sha256", Buffer.concat([nodePrefix, left, right]), "buffer");

/**
 * A compact range: the roots of the complete subtrees that a tree of `size` leaves is made of, largest first, one per
 * bit that is set in `size`. All that appending needs to know of the leaves before.
 */
export type CompactRange = { readonly size: number; readonly frontier: readonly Uint8Array[] };

export const emptyRange: CompactRange = { size: 0, frontier: [] };

/** How many hashes the frontier of a tree of `size` leaves has. */
export const frontierLength = (size: number): number => {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
};

/** Appends leaf hashes in order. */
export const appendLeaves = (range: CompactRange, leaves: Iterable<Uint8Array>): CompactRange => {
  const frontier = [...range.frontier];
  let { size } = range;
  for (const leaf of leaves) {
    let hash = leaf;
    for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) hash = nodeHash(last(frontier.pop()), hash);
    frontier.push(hash);
    size += 1;
  }
  return { size, frontier };
};

/** The root of the whole tree: what a checkpoint signs. */
export const rootOf = (range: CompactRange): Buffer => {
  const [first, ...rest] = range.frontier.toReversed();
  if (first === undefined) return emptyRoot;
  return rest.reduce<Buffer>((right, left) => nodeHash(left, right), Buffer.from(first));
};

const last = (hash: Uint8Array | undefined): Uint8Array => {
  if (hash === undefined) throw new RangeError("the frontier does not belong to a tree of this size");
  return hash;
};
