import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatTlogProof, parseTlogProof } from "#ledger/tlog-proof.ts";

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const proof = fc.record({
  index: fc.maxSafeNat(),
  extra: fc.uint8Array({ maxLength: 200 }),
  hashes: fc.array(hash, { maxLength: 53 }),
  checkpoint: fc.constant("lethe/shop\n4\nAAAA\n\n— lethe/shop AAAA\n"),
});

test("a proof is written as the specification has it", () => {
  const one = { index: 73894, extra: Buffer.from("{}"), hashes: [Buffer.alloc(32)], checkpoint: "example.com/log\n" };
  expect(formatTlogProof(one)).toBe(
    `c2sp.org/tlog-proof@v1\nextra e30=\nindex 73894\n${"A".repeat(43)}=\n\nexample.com/log\n`,
  );
});

test("what is written is read again, and nothing else means the same", () => {
  fc.assert(
    fc.property(proof, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, at, by) => {
      const text = formatTlogProof(one);
      const read = parseTlogProof(text);
      expect(read).toEqual({
        ...one,
        extra: Buffer.from(one.extra),
        hashes: one.hashes.map((each) => Buffer.from(each)),
      });
      const bytes = Buffer.from(text);
      const position = at % bytes.length;
      bytes[position] = (bytes[position] ?? 0) ^ by;
      const changed = parseTlogProof(bytes.toString());
      if (changed !== undefined) expect(changed).not.toEqual(read);
    }),
  );
});

test.each([
  ["", "nothing"],
  ["c2sp.org/tlog-proof@v2\nextra e30=\nindex 0\n\nx\n", "another version"],
  ["c2sp.org/tlog-proof@v1\nindex 0\n\nx\n", "no entry"],
  ["c2sp.org/tlog-proof@v1\nextra e30\nindex 0\n\nx\n", "base64 without padding"],
  ["c2sp.org/tlog-proof@v1\nextra e31=\nindex 0\n\nx\n", "base64 with slack bits"],
  ["c2sp.org/tlog-proof@v1\nextra e30=\nindex 007\n\nx\n", "leading zeroes"],
  ["c2sp.org/tlog-proof@v1\nextra e30=\nindex 9007199254740993\n\nx\n", "an index that is no exact number"],
  ["c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\nAAAA\n\nx\n", "a short hash"],
  [`c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\n${`${"A".repeat(43)}=\n`.repeat(54)}\nx\n`, "a path longer than any"],
])("%j is none: %s", (text) => {
  expect(parseTlogProof(text)).toBeUndefined();
});
