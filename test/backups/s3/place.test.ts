import fc from "fast-check";
import { expect, test } from "vitest";
import { nameOf, placeOf, uploadDigest, versionDigest, type Place } from "#backups/s3/place.ts";

const key = fc
  .array(fc.constantFrom("a", "?", "=", "versionId", "uploadId", "null", "?versionId=", "?uploadId=x", "\n", "ü"), {
    minLength: 1,
  })
  .map((parts) => parts.join(""));
const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,12}$/);
const place: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ key, version: fc.oneof(id, fc.constant("null")) }),
  fc.record({ key, upload: id }),
);

test("a name tells its place, so that no two places have one", () => {
  fc.assert(
    fc.property(place, (each) => {
      expect(placeOf(nameOf(each))).toEqual(each);
    }),
  );
});

test("what has no versions is named by its key alone", () => {
  expect(nameOf({ key: "shop-2026-11-22.dump", version: "null" })).toBe("shop-2026-11-22.dump");
  expect(nameOf({ key: "a.dump", version: "3sL4kqtJ" })).toBe("a.dump?versionId=3sL4kqtJ");
});

test("the digest is the one that is documented", () => {
  // printf '{"bytes":5,"etag":"5d41","key":"a","version":"v"}' | sha256sum
  expect(versionDigest({ key: "a", version: "v", etag: '"5d41"', bytes: 5 })).toBe(
    "2450659452aba4ecb31a02c0e480a03beb26bc606313705d4730a636291cf71f",
  );
  // printf '{"key":"a","upload":"u"}' | sha256sum
  expect(uploadDigest({ key: "a", upload: "u" })).toBe(
    "ec13bf323af00ecf16aa903b34fb26a4ec02cf6e19128a84ff5abfd256162d6d",
  );
});
