import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  consistencyProof,
  inclusionProof,
  inclusionRanges,
  verifyConsistency,
  verifyInclusion,
} from "#ledger/proof.ts";
import { appendLeaves, emptyRange, leafHash, nodeHash, rootOf } from "#ledger/tree.ts";
import { edgeSizes, entriesOf, path, proof as referenceProof, standardLeaves } from "#test/ledger/reference.ts";

const leavesOf = (size: number) => entriesOf(size).map(leafHash);
const rootAt = (leaves: readonly Uint8Array[], size: number) => rootOf(appendLeaves(emptyRange, leaves.slice(0, size)));
const hex = (hashes: readonly Uint8Array[]) => hashes.map((hash) => Buffer.from(hash).toString("hex"));

test("inclusion proofs over the standard leaves are the published ones", () => {
  const leaves = standardLeaves.map(leafHash);
  expect(hex(inclusionProof(leaves, 0))).toEqual([
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  ]);
});

test("consistency proofs over the standard leaves are the published ones", () => {
  const leaves = standardLeaves.map(leafHash);
  expect(hex(consistencyProof(leaves, 6))).toEqual([
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  ]);
});

test.each(edgeSizes)("every leaf of a tree of %i proves that it is in it", (size) => {
  const leaves = leavesOf(size);
  const root = rootAt(leaves, size);
  for (const [index, leaf] of leaves.entries()) {
    const proof = inclusionProof(leaves, index);
    expect(proof).toEqual(path(index, entriesOf(size)));
    expect(verifyInclusion({ leaf, index, size, root }, proof)).toBe(true);
  }
});

test.each(edgeSizes)("a tree of %i proves that it extends every smaller one", (size) => {
  const leaves = leavesOf(size);
  for (let older = 0; older <= size; older += 1) {
    const proof = consistencyProof(leaves, older);
    if (older > 0) expect(proof).toEqual(referenceProof(older, entriesOf(size)));
    const claim = [
      { size: older, root: rootAt(leaves, older) },
      { size, root: rootAt(leaves, size) },
    ] as const;
    expect(verifyConsistency(...claim, proof)).toBe(true);
  }
});

const flip = (hash: Uint8Array, bit: number): Buffer => {
  const copy = Buffer.from(hash);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
};

/** Every way in which one bit or one hash of a list of hashes can be wrong. */
const spoiled = (proof: readonly Uint8Array[], at: number, bit: number): readonly (readonly Uint8Array[])[] => [
  [...proof, Buffer.alloc(32)],
  [Buffer.alloc(32), ...proof],
  ...(proof.length === 0
    ? []
    : [
        proof.map((hash, index) => (index === at % proof.length ? flip(hash, bit) : hash)),
        proof.toSpliced(at % proof.length, 1),
        proof.map((hash, index) => (index === at % proof.length ? hash.subarray(1) : hash)),
      ]),
];

const bit = fc.nat(255);

test("an inclusion proof fails when any part of it changes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(39), fc.nat(9), bit, (size, pick, at, where) => {
      const leaves = leavesOf(size);
      const index = pick % size;
      const claim = { leaf: leaves[index] ?? Buffer.alloc(0), index, size, root: rootAt(leaves, size) };
      const proof = inclusionProof(leaves, index);
      for (const wrong of spoiled(proof, at, where)) expect(verifyInclusion(claim, wrong)).toBe(false);
      expect(verifyInclusion({ ...claim, leaf: flip(claim.leaf, where) }, proof)).toBe(false);
      expect(verifyInclusion({ ...claim, root: flip(claim.root, where) }, proof)).toBe(false);
      expect(verifyInclusion({ ...claim, index: size }, proof)).toBe(false);
      expect(verifyInclusion({ ...claim, index: -1 }, proof)).toBe(false);
      if (size > 1) expect(verifyInclusion({ ...claim, index: (index + 1) % size }, proof)).toBe(false);
    }),
  );
});

test("a consistency proof fails when any part of it changes", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(39), fc.nat(9), bit, (size, pick, at, where) => {
      const leaves = leavesOf(size);
      const older = { size: 1 + (pick % size), root: rootAt(leaves, 1 + (pick % size)) };
      const newer = { size, root: rootAt(leaves, size) };
      const proof = consistencyProof(leaves, older.size);
      for (const wrong of spoiled(proof, at, where)) expect(verifyConsistency(older, newer, wrong)).toBe(false);
      expect(verifyConsistency({ ...older, root: flip(older.root, where) }, newer, proof)).toBe(false);
      expect(verifyConsistency(older, { ...newer, root: flip(newer.root, where) }, proof)).toBe(false);
      expect(verifyConsistency({ ...older, size: size + 1 }, newer, proof)).toBe(false);
    }),
  );
});

test("a tree whose history was rewritten cannot prove that it extends the old one", () => {
  const honest = leavesOf(20);
  const rewritten = honest.map((leaf, index) => (index === 3 ? leafHash("another past") : leaf));
  const older = { size: 10, root: rootAt(honest, 10) };
  const newer = { size: 20, root: rootAt(rewritten, 20) };
  expect(verifyConsistency(older, newer, consistencyProof(rewritten, 10))).toBe(false);
  expect(verifyConsistency(older, newer, consistencyProof(honest, 10))).toBe(false);
});

test("only the root of nothing is extended by everything", () => {
  const newer = { size: 3, root: rootAt(leavesOf(3), 3) };
  expect(verifyConsistency({ size: 0, root: rootAt([], 0) }, newer, [])).toBe(true);
  expect(verifyConsistency({ size: 0, root: newer.root }, newer, [])).toBe(false);
});

test("a proof that is longer than the tree is high fails, even for a root that was made to fit it", () => {
  const [leaf, more] = [leafHash("leaf"), leafHash("more")];
  expect(verifyInclusion({ leaf, index: 0, size: 1, root: nodeHash(more, leaf) }, [more])).toBe(false);
  const older = { size: 1, root: leaf };
  const newer = { size: 2, root: nodeHash(more, nodeHash(leaf, more)) };
  expect(verifyConsistency(older, newer, [more, more])).toBe(false);
});

test("sizes that are no sizes prove nothing, and end", () => {
  const root = Buffer.alloc(32);
  for (const size of [Number.NaN, Infinity, -1, 1.5, 2 ** 60]) {
    expect(verifyInclusion({ leaf: root, index: 0, size, root }, [])).toBe(false);
    expect(verifyConsistency({ size: 1, root }, { size, root }, [root])).toBe(false);
  }
  expect(() => inclusionRanges(5, 5)).toThrow(RangeError);
});

test("a proof in a tree of 2^53 - 1 leaves has at most 53 hashes", () => {
  expect(inclusionRanges(12_345, 2 ** 53 - 1)).toHaveLength(53);
});
