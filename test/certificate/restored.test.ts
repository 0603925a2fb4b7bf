import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeCertificate } from "#certificate/write-certificate.ts";
import { factsOf } from "#evidence/certificate-facts.ts";
import { parseCertified, type CertifiedEntry } from "#evidence/certified-entries.ts";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { writeNights } from "#test/backups/repository-files.ts";
import type { Night } from "#test/execute/night.ts";
import { dropCopy } from "#test/restore/copies.ts";
import { replay, restoredNight } from "#test/restore/restored.ts";

let night: Night;
let ada: string;
beforeEach(async () => {
  night = await restoredNight({
    blockers: "- { code: ORDERS, when: { table: orders, note: [open] }, then: block }",
  });
  await mkdir(join(night.directory, "backups"));
  [{ ref: ada = "" } = {}] = await night.requests();
});
afterEach(async () => {
  await dropCopy(night.store);
  await night.dispose();
});

const write = (name: string, context = night.context) =>
  writeCertificate(context, ada, { directory: join(night.directory, name), language: "en" });

test("nobody is certified to be erased from a store that a restore took back, until it is released; then the certificate says so", async () => {
  await night.store.query("update orders set note = 'open' where customer_id = 1");
  await replay(night.context);
  await expect(write("back")).rejects.toMatchObject({ code: "STORE_RESTORED" });
  await night.store.query("update orders set note = 'paid'");
  await writeNights(join(night.directory, "backups"), 3, "2026-11-03");
  await replay(night.at("2026-11-03T04:00:00Z"));
  const publicKey = await readFile(night.keys.public, "utf8");
  const released = await write("released", night.at("2026-11-03T05:00:00Z"));
  expect(await verifyBundle(released.directory, publicKey)).toMatchObject({
    request: {
      state: "erased",
      restored: [
        { store: "shop", asOf: "2026-11-02T00:30:00Z", refused: 0, released: expect.stringMatching(/^2026-11-03T04:/) },
      ],
    },
  });
  await writeNights(join(night.directory, "backups"), 3, "2026-12-05");
  const later = night.at("2026-12-05T03:00:00Z");
  await night.nightly(later);
  const completed = await write("completed", later);
  expect(completed.state).toBe("completed");
  await verifyBundle(completed.directory, publicKey);
});

test("entries of a restore that is not released tell nobody to be done", () => {
  const meta = { at: "2026-11-02T02:00:00.000Z", run: "R1" };
  const [received, erased, restored, released] = [
    {
      kind: "request.received",
      request: "R-1",
      received: "2026-11-01",
      due: "2026-12-01",
      basis: "GDPR",
      purpose: "erase",
    },
    {
      kind: "request.erased",
      request: "R-1",
      outcomes: { shop: "erased" },
      dispositions: [],
      remedied: [],
      stays: [],
      clear: null,
    },
    { kind: "store.restored", store: "shop", asOf: "2026-11-01T00:00:00Z", batches: 1 },
    { kind: "store.released", store: "shop", asOf: "2026-11-01T00:00:00Z", repeated: 1, refused: 2 },
  ].map((entry) => parseCertified(JSON.stringify({ ...meta, ...entry })));
  const told = (...entries: readonly (CertifiedEntry | undefined)[]) =>
    factsOf(entries.flatMap((entry) => entry ?? []));
  expect(told(received, erased, restored)).toBeUndefined();
  expect(told(received, erased, restored, released)).toMatchObject({
    restored: [{ store: "shop", released: meta.at, refused: 2 }],
  });
  expect(told(received, erased, restored, released, restored)).toBeUndefined();
});
