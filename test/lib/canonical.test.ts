import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf, digestOfList } from "#lib/canonical.ts";

test("the digest of a list is the same, read at once or one by one", () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer()))), (list) => {
      expect(digestOfList(list)).toBe(digestOf(list));
    }),
  );
});
