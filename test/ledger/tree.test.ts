import * as fc from "fast-check";
import { expect, test } from "vitest";
import { appendLeaves, emptyRange, emptyRoot, frontierLength, leafHash, nodeHash, rootOf } from "#ledger/tree.ts";
import { edgeSizes, entriesOf, mth, standardLeaves } from "#test/ledger/reference.ts";

const hex = (hash: Uint8Array): string => Buffer.from(hash).toString("hex");
const rangeOver = (entries: readonly Uint8Array[]) => appendLeaves(emptyRange, entries.map(leafHash));

test("the empty tree has the root of RFC 6962", () => {
  expect(hex(emptyRoot)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(rootOf(emptyRange)).toEqual(emptyRoot);
});

test("one empty leaf has the hash of RFC 6962", () => {
  expect(hex(leafHash(""))).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
});

test("the eight standard leaves have the published roots, at every size", () => {
  const roots = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];
  expect(roots.map((_, index) => hex(rootOf(rangeOver(standardLeaves.slice(0, index + 1)))))).toEqual(roots);
});

test("a leaf never hashes like an inner node over the same bytes", () => {
  const [left, right] = [leafHash("a"), leafHash("b")];
  expect(leafHash(Buffer.concat([left, right]))).not.toEqual(nodeHash(left, right));
});

test.each(edgeSizes)("the compact range of %i leaves has the root of the recursive definition", (size) => {
  const range = rangeOver(entriesOf(size));
  expect(rootOf(range)).toEqual(mth(entriesOf(size)));
  expect(range.frontier).toHaveLength(frontierLength(size));
});

test("appending in any portions gives the tree of appending at once", () => {
  const entries = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 70 });
  fc.assert(
    fc.property(entries, fc.nat(70), (all, cut) => {
      const leaves = all.map(leafHash);
      const before = appendLeaves(emptyRange, leaves.slice(0, cut));
      const portions = appendLeaves(before, leaves.slice(cut));
      expect(portions).toEqual(appendLeaves(emptyRange, leaves));
      expect(rootOf(portions)).toEqual(mth(all));
    }),
  );
});

test("a frontier that does not belong to its size is refused", () => {
  expect(() => appendLeaves({ size: 3, frontier: [] }, [leafHash("a")])).toThrow(RangeError);
});

test("sizes beyond 32 bits keep their shape", () => {
  expect(frontierLength(2 ** 50 + 1)).toBe(2);
  expect(frontierLength(2 ** 53 - 1)).toBe(53);
});
