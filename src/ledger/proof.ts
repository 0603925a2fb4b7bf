import { appendLeaves, emptyRange, emptyRoot, frontierLength, nodeHash, rootOf } from "#ledger/tree.ts";

/** The leaves `begin` (inclusive) to `end` (exclusive): a proof is a list of roots of such subtrees. */
export type LeafRange = { readonly begin: number; readonly end: number };

/** The largest power of two smaller than `size`. */
const splitOf = (size: number): number => {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
};

/** PATH(index, D[size]) of RFC 6962 §2.1.1: the subtrees whose roots prove that leaf `index` is in the tree. */
export const inclusionRanges = (index: number, size: number): readonly LeafRange[] => {
  if (!(index >= 0 && index < size)) throw new RangeError("the leaf is not in the tree");
  const ranges: LeafRange[] = [];
  let begin = 0;
  let end = size;
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin);
    if (index < middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  return ranges.toReversed();
};

/** PROOF(older, D[newer]) of RFC 6962 §2.1.2: the subtrees whose roots prove that the newer tree extends the older. */
export const consistencyRanges = (older: number, newer: number): readonly LeafRange[] => {
  if (!(older >= 0 && older <= newer)) throw new RangeError("the older tree is larger than the newer");
  if (older === 0) return [];
  const ranges: LeafRange[] = [];
  let begin = 0;
  let end = newer;
  while (end !== older) {
    const middle = begin + splitOf(end - begin);
    if (older <= middle) {
      ranges.push({ begin: middle, end });
      end = middle;
    } else {
      ranges.push({ begin, end: middle });
      begin = middle;
    }
  }
  // The verifier knows the older root; it needs this subtree only when it is a part of the older tree.
  if (begin > 0) ranges.push({ begin, end });
  return ranges.toReversed();
};

/** The root over some leaf hashes of a tree: MTH(D[begin:end]). */
export const rangeRoot = (leaves: readonly Uint8Array[], { begin, end }: LeafRange): Buffer =>
  rootOf(appendLeaves(emptyRange, leaves.slice(begin, end)));

export const inclusionProof = (leaves: readonly Uint8Array[], index: number): readonly Buffer[] =>
  inclusionRanges(index, leaves.length).map((range) => rangeRoot(leaves, range));

export const consistencyProof = (leaves: readonly Uint8Array[], older: number): readonly Buffer[] =>
  consistencyRanges(older, leaves.length).map((range) => rangeRoot(leaves, range));

export type InclusionClaim = {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
};

/** RFC 9162 §2.1.3.2. Every input may be hostile; anything but a valid proof is false. */
export const verifyInclusion = (claim: InclusionClaim, proof: readonly Uint8Array[]): boolean => {
  if (!isTreeSize(claim.size) || !isTreeSize(claim.index) || claim.index >= claim.size) return false;
  if (![claim.leaf, claim.root, ...proof].every(isHash)) return false;
  const path = walk(claim.index, claim.size - 1);
  let root = claim.leaf;
  for (const hash of proof) {
    const side = path.step();
    if (side === "beyond") return false;
    root = side === "left" ? nodeHash(hash, root) : nodeHash(root, hash);
  }
  return path.done() && equal(root, claim.root);
};

export type TreeHead = { readonly size: number; readonly root: Uint8Array };

/** RFC 9162 §2.1.4.2. Every input may be hostile; anything but a valid proof is false. */
export const verifyConsistency = (older: TreeHead, newer: TreeHead, proof: readonly Uint8Array[]): boolean => {
  if (!isTreeSize(older.size) || !isTreeSize(newer.size) || older.size > newer.size) return false;
  if (![older.root, newer.root, ...proof].every(isHash)) return false;
  if (older.size === newer.size) return proof.length === 0 && equal(older.root, newer.root);
  // Everything extends nothing, and needs no proof; but the root of nothing is known.
  if (older.size === 0) return proof.length === 0 && equal(older.root, emptyRoot);
  if (proof.length === 0) return false;
  const [first, ...rest] = isPowerOfTwo(older.size) ? [older.root, ...proof] : proof;
  if (first === undefined) return false;
  const path = walk(older.size - 1, newer.size - 1);
  path.skipOddLevels();
  let olderRoot = first;
  let newerRoot = first;
  for (const hash of rest) {
    const side = path.step();
    if (side === "beyond") return false;
    if (side === "left") olderRoot = nodeHash(hash, olderRoot);
    newerRoot = side === "left" ? nodeHash(hash, newerRoot) : nodeHash(newerRoot, hash);
  }
  return path.done() && equal(olderRoot, older.root) && equal(newerRoot, newer.root);
};

/** The climb from a node to the root that both verification algorithms share: `fn` and `sn` of RFC 9162. */
const walk = (node: number, lastNode: number) => {
  let fn = node;
  let sn = lastNode;
  const up = (): number => {
    sn = Math.floor(sn / 2);
    fn = Math.floor(fn / 2);
    return fn;
  };
  return {
    /** On which side of the path the next hash of the proof stands; `beyond` when the path has ended. */
    step: (): "left" | "right" | "beyond" => {
      if (sn === 0) return "beyond";
      const left = fn % 2 === 1 || fn === sn;
      if (left) for (let at = fn; at % 2 === 0 && at !== 0; at = up());
      up();
      return left ? "left" : "right";
    },
    skipOddLevels: (): void => {
      for (let at = fn; at % 2 === 1; at = up());
    },
    done: (): boolean => sn === 0,
  };
};

const isTreeSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isHash = (value: Uint8Array): boolean => value.length === 32;
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const isPowerOfTwo = (value: number): boolean => frontierLength(value) === 1;
