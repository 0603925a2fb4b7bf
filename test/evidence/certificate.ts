import { generateKeyPairSync } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { onTestFinished } from "vitest";
import { factsOf } from "#evidence/certificate-facts.ts";
import { parseCertified } from "#evidence/certified-entries.ts";
import { receiptFile } from "#evidence/receipt-file.ts";
import { signBundle } from "#evidence/sign-bundle.ts";
import { certificateType } from "#evidence/statement.ts";
import { canonicalJson, type Json } from "#lib/canonical.ts";
import { keyId } from "#lib/keys.ts";
import { inclusionProof } from "#ledger/proof.ts";
import { signCheckpoint } from "#ledger/sign-checkpoint.ts";
import { formatTlogProof } from "#ledger/tlog-proof.ts";
import { appendLeaves, emptyRange, leafHash, rootOf } from "#ledger/tree.ts";
import type { TestBundle } from "#test/evidence/bundle.ts";

type Event = { readonly [key: string]: Json };

export type CertificateChanges = {
  /** What the ledger holds; every second entry, from the second on, unless `proven` says which are quoted. */
  readonly events?: readonly Event[];
  /** Indexes of the entries that come with it. */
  readonly proven?: readonly number[];
  /** Merged into `certificate.json` before it is signed: a signer that lies. */
  readonly certificate?: Event;
  /** Merged into its facts. */
  readonly facts?: Event;
  /** A receipt instead of the one that proves an entry. */
  readonly receipts?: Readonly<Record<number, (proof: string) => string>>;
};

export const request = "R-7K3M-2QXA-9DTB";
const meta = { at: "2026-11-02T02:00:00.000Z", run: "20261102T020000Z-ABCDEF" };
const done = { outcomes: { shop: "erased" }, dispositions: [], remedied: [], stays: [] };

export const received = {
  ...meta,
  kind: "request.received",
  request,
  received: "2026-11-01",
  due: "2026-12-01",
  basis: "GDPR Art. 12(3)",
  purpose: "delete-user",
};
export const erased = { ...meta, kind: "request.erased", request, clear: "2026-12-02", ...done };
export const inventory = (oldest: string | null, since: string | null = null) => ({
  ...meta,
  at: "2026-12-05T02:00:00.000Z",
  kind: "backup.inventory",
  repository: "nightly",
  digest: "00",
  sets: oldest === null ? 0 : 1,
  bytes: 1,
  oldest,
  log: since === null ? null : { since, until: "2026-12-05T02:00:00Z" },
  verified: null,
});
export const completed = { ...meta, at: "2026-12-05T02:00:00.000Z", kind: "request.completed", request };

/** A certificate over a ledger of some entries, others between them, in a fresh directory that goes with the test. */
export const makeCertificate = async (changes: CertificateChanges = {}): Promise<TestBundle> => {
  const home = await mkdtemp(join(tmpdir(), "lethe-certificate-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const directory = join(home, "certificate");
  await mkdir(directory);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const own = changes.events ?? [received, erased];
  const bodies = own.flatMap((event) => [
    canonicalJson({ ...meta, kind: "request.completed", request: "R-0000" }),
    canonicalJson(event),
  ]);
  const proven = changes.proven ?? own.map((_, index) => 2 * index + 1);
  const leaves = bodies.map(leafHash);
  const head = { origin: "lethe/shop-gmbh", size: leaves.length, root: rootOf(appendLeaves(emptyRange, leaves)) };
  const note = signCheckpoint(head, privateKey);
  const facts = factsOf(own.flatMap((event) => parseCertified(canonicalJson(event)) ?? [])) as Event | undefined;
  const ledger = { size: head.size, root: head.root.toString("hex") };
  const certificate = {
    request,
    controller: { name: "Shop GmbH" },
    facts: { ...facts, ...changes.facts },
    ledger: { ...ledger, entries: [...proven] },
    ...changes.certificate,
  };
  const put = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text);
  await put("certificate.json", `${canonicalJson(certificate)}\n`);
  await put("checkpoint", note);
  for (const index of proven) {
    const hashes = inclusionProof(leaves, index);
    const proof = formatTlogProof({ index, extra: Buffer.from(bodies[index] ?? ""), hashes, checkpoint: note });
    await put(receiptFile(index), changes.receipts?.[index]?.(proof) ?? proof);
  }
  await signBundle(directory, {
    signing: privateKey,
    keyId: keyId(publicKey),
    createdAt: Temporal.Instant.from("2026-12-06T09:00:00Z"),
    claim: {
      predicateType: certificateType,
      predicate: { request, controller: "Shop GmbH", policies: [], checkpoint: ledger, tool: "lethe 0" },
    },
  });
  const publicKeyPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  return { directory, publicKeyPem, signing: privateKey, keyId: keyId(publicKey) };
};
