import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { makeBundle, resign } from "#test/evidence/bundle.ts";
import { expectTamperEvident, failureOf } from "#test/evidence/tamper.ts";

test("a bundle verifies from its directory and the public key alone", async () => {
  const bundle = await makeBundle();
  const verified = await verifyBundle(bundle.directory, bundle.publicKeyPem);
  expect(verified.keyId).toBe(bundle.keyId);
  expect(verified.about).toMatchObject({ run: "20261102T020000Z-ABCDEF", controller: "Shop GmbH" });
  expect(verified.files.map(({ name }) => name)).toEqual(["checkpoint", "entries.jsonl", "report.json", "report.xlsx"]);
  expect(verified).toMatchObject({
    kind: "report",
    ledger: { previous: { size: 5 }, head: { size: 17 } },
    counts: { received: 7, done: 3 },
  });
  expect(verified.checks).toHaveLength(8);
});

test.each([
  { before: 0, entries: 1 },
  { before: 0, entries: 0 },
  { before: 8, entries: 0 },
  { before: 7, entries: 2 },
])("a bundle of $entries entries after $before verifies", async (changes) => {
  const bundle = await makeBundle(changes);
  expect(await verifyBundle(bundle.directory, bundle.publicKeyPem)).toMatchObject({
    ledger: { previous: { size: changes.before }, head: { size: changes.before + changes.entries } },
  });
});

test("signing the same files again gives the same bytes", async () => {
  const bundle = await makeBundle();
  const path = join(bundle.directory, "statement.dsse.json");
  const first = await readFile(path, "utf8");
  await resign(bundle);
  expect(await readFile(path, "utf8")).toBe(first);
});

test("every flipped bit of every file is noticed, and the file named", async () => {
  const bundle = await makeBundle({ entries: 3 });
  expect(await expectTamperEvident(bundle.directory, bundle.publicKeyPem, { samples: 200 })).toBeGreaterThan(800);
});

test("a directory that is none is missing", async () => {
  const bundle = await makeBundle();
  expect(await failureOf(join(bundle.directory, "nowhere"), bundle.publicKeyPem)).toMatchObject({
    code: "EVIDENCE_MISSING",
  });
  expect(await failureOf(join(bundle.directory, "report.json"), bundle.publicKeyPem)).toMatchObject({
    code: "EVIDENCE_MISSING",
  });
});

test("only an Ed25519 public key is a key", async () => {
  const bundle = await makeBundle();
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const secret = bundle.signing.export({ type: "pkcs8", format: "pem" }).toString();
  for (const pem of ["", "no key", publicKey.export({ type: "spki", format: "pem" }).toString(), secret]) {
    expect(await failureOf(bundle.directory, pem)).toMatchObject({ code: "KEY_INVALID", exit: 2 });
  }
});
