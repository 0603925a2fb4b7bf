import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { onTestFinished } from "vitest";
import { signBundle, signStatement } from "#evidence/sign-bundle.ts";
import { reportType, statementSchema, type ReportStatement, type Statement } from "#evidence/statement.ts";
import { writeEntries } from "#evidence/write-entries.ts";
import { canonicalJson, sha256Hex, type Json } from "#lib/canonical.ts";
import { keyId } from "#lib/keys.ts";
import { signCheckpoint } from "#ledger/sign-checkpoint.ts";
import { appendLeaves, emptyRange, leafHash, rootOf } from "#ledger/tree.ts";

export type TestBundle = {
  readonly directory: string;
  readonly publicKeyPem: string;
  readonly signing: KeyObject;
  readonly keyId: string;
};

export type BundleChanges = {
  /** Merged into `report.json` before it is signed: a signer that lies. */
  readonly report?: { readonly [key: string]: Json };
  /** Further files, signed like the others. */
  readonly files?: Readonly<Record<string, string>>;
  /** Index of the first entry that the report is about; the first in the bundle unless given. */
  readonly from?: number;
  /** Entries in the bundle, and in the ledger before it. */
  readonly entries?: number;
  readonly before?: number;
  /** What the last entries in the bundle say, of this run unless they name another. */
  readonly events?: readonly { readonly [key: string]: Json }[];
};

const run = "20261102T020000Z-ABCDEF";
const policy = "ab".repeat(32);
const counts = { received: 7, done: 3, refused: 1, withdrawn: 1, pending: 2, failed: 0, blocked: 1, overdue: 0 };

const bodyOf = (index: number): string =>
  canonicalJson({ at: "2026-11-02T02:00:00.000Z", kind: "request.completed", request: `R-${index}`, run });

/** A signed bundle like those of a night, small, in a fresh directory that goes with the test. */
export const makeBundle = async (changes: BundleChanges = {}): Promise<TestBundle> => {
  const home = await mkdtemp(join(tmpdir(), "lethe-bundle-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const directory = join(home, "bundle");
  await mkdir(directory);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const ledger = await writeLedger(directory, privateKey, changes);
  const report = {
    type: "urn:lethe:report:v1",
    run: { id: run },
    controller: { name: "Shop GmbH" },
    policies: [{ store: "shop", digest: policy }],
    requests: { counts },
    ledger: { ...ledger, from: changes.from ?? ledger.from },
    ...changes.report,
  };
  const files = { "report.json": canonicalJson(report), "report.xlsx": "PK\u0003\u0004 a workbook", ...changes.files };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const { size, root } = ledger;
  await signBundle(directory, {
    signing: privateKey,
    keyId: keyId(publicKey),
    createdAt: Temporal.Instant.from("2026-11-02T02:00:09Z"),
    claim: {
      predicateType: reportType,
      predicate: {
        run,
        period: null,
        controller: "Shop GmbH",
        policies: [policy],
        checkpoint: { size, root },
        tool: "lethe 0",
      },
    },
  });
  return {
    directory,
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    signing: privateKey,
    keyId: keyId(publicKey),
  };
};

const writeLedger = async (directory: string, signing: KeyObject, changes: BundleChanges) => {
  const { before = 5, entries = 12, events = [] } = changes;
  const others = Array.from({ length: before + entries - events.length }, (_, index) => bodyOf(index));
  const bodies = [
    ...others,
    ...events.map((event) => canonicalJson({ at: "2026-11-02T02:00:00.000Z", run, ...event })),
  ];
  const leaves = bodies.map(leafHash);
  const from = appendLeaves(emptyRange, leaves.slice(0, before));
  const all = appendLeaves(emptyRange, leaves);
  const head = { origin: "lethe/shop-gmbh", size: all.size, root: rootOf(all) };
  await writeEntries(directory, {
    checkpoint: { ...head, note: signCheckpoint(head, signing) },
    from: { ...from, root: rootOf(from) },
    entries: bodies.slice(before).map((body, index) => ({ index: before + index, body })),
  });
  return { from: before, size: head.size, root: head.root.toString("hex") };
};

/** Changes a file of a bundle. */
export const edit = async (bundle: TestBundle, name: string, change: (text: string) => string): Promise<void> => {
  const path = join(bundle.directory, name);
  await writeFile(path, change(await readFile(path, "utf8")));
};

/** Signs a bundle again after its files or its statement were changed: what only the holder of the key can do. */
export const resign = async (
  bundle: TestBundle,
  change: (statement: ReportStatement) => Statement = (same) => same,
): Promise<void> => {
  const path = join(bundle.directory, "statement.dsse.json");
  const { payload } = JSON.parse(await readFile(path, "utf8")) as { payload: string };
  const statement = statementSchema.parse(
    JSON.parse(Buffer.from(payload, "base64").toString("utf8")),
  ) as ReportStatement;
  const digest = async (name: string) => sha256Hex(await readFile(join(bundle.directory, name)).catch(() => ""));
  const subject = await Promise.all(
    statement.subject.map(async ({ name }) => ({ name, digest: { sha256: await digest(name) } })),
  );
  await writeFile(path, signStatement(change({ ...statement, subject }), bundle.signing, bundle.keyId));
};
