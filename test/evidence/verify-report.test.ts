import { expect, test } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { makeBundle, type BundleChanges } from "#test/evidence/bundle.ts";
import { failure } from "#test/evidence/tamper.ts";

const honest = { received: 7, done: 3, refused: 1, withdrawn: 1, pending: 2, failed: 0, blocked: 1, overdue: 0 };

test.each<[string, NonNullable<BundleChanges["report"]>]>([
  ["loses a request", { requests: { counts: { ...honest, received: 8 } } }],
  ["has more blocked requests than pending ones", { requests: { counts: { ...honest, blocked: 3 } } }],
  ["has more overdue requests than pending ones", { requests: { counts: { ...honest, overdue: 3 } } }],
  ["counts below zero", { requests: { counts: { ...honest, done: 4, failed: -1 } } }],
  ["has no counts", { requests: {} }],
  ["is about another run", { run: { id: "another" } }],
  ["is about a period", { period: { from: "2026-01-01", to: "2026-12-31" } }],
  ["is another controller's", { controller: { name: "Somebody" } }],
  ["names another policy", { policies: [{ store: "shop", digest: "cd".repeat(32) }] }],
  ["names another root of the ledger", { ledger: { from: 5, size: 17, root: "0".repeat(64) } }],
])("a report that %s does not verify, whoever signed it", async (_, report) => {
  const bundle = await makeBundle({ report });
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "report.json" } });
});

test("a report that is not JSON does not verify, whoever signed it", async () => {
  const bundle = await makeBundle({ files: { "report.json": "[".repeat(100_000) } });
  expect(await failure(bundle)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "report.json" } });
});

test("a report may be about a part of the entries in the bundle, but about no others", async () => {
  const bundle = await makeBundle({ before: 5, entries: 12, from: 9 });
  await verifyBundle(bundle.directory, bundle.publicKeyPem);
  for (const from of [4, 18]) {
    const wrong = await makeBundle({ before: 5, entries: 12, from });
    expect(await failure(wrong)).toMatchObject({ code: "EVIDENCE_TAMPERED", place: { file: "report.json" } });
  }
});
