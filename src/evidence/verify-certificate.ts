import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { z } from "zod";
import { decodeUtf8, parseCanonical, readBounded } from "#evidence/canonical-file.ts";
import { factsOf, type CertificateFacts } from "#evidence/certificate-facts.ts";
import { parseCertified } from "#evidence/certified-entries.ts";
import { checkpointFile } from "#evidence/entries-file.ts";
import { tampered } from "#evidence/faults.ts";
import { certificateFile, receiptFile, receiptPattern } from "#evidence/receipt-file.ts";
import type { CertificateStatement } from "#evidence/statement.ts";
import type { Checkpoint } from "#ledger/checkpoint.ts";
import { verifyInclusion } from "#ledger/proof.ts";
import { parseTlogProof } from "#ledger/tlog-proof.ts";
import { leafHash } from "#ledger/tree.ts";
import { canonicalJson } from "#lib/canonical.ts";

const largestCertificate = 64 * 1024 * 1024;

/** Only what is compared here; the facts are compared whole. */
const certificateSchema = z.object({
  request: z.string(),
  controller: z.object({ name: z.string() }),
  ledger: z.object({ size: z.number(), root: z.string(), entries: z.array(z.number()) }),
  facts: z.json(),
});

/**
 * The rest of a certificate: every receipt proves an entry of the ledger under the signed checkpoint, and what the certificate says of its request
 * follows from these entries alone. Whether the ledger has others about it, no certificate can show: the bundles of the nights do.
 */
export const verifyCertificate = async (
  directory: string,
  { subject, predicate }: CertificateStatement,
  head: Checkpoint,
): Promise<{ readonly receipts: number; readonly facts: CertificateFacts }> => {
  const names = subject.map(({ name }) => name).filter((name) => receiptPattern.test(name));
  const note = await readFile(join(directory, checkpointFile), "utf8");
  const proven: Awaited<ReturnType<typeof verifyReceipt>>[] = [];
  // One after the other: there may be more than a process may open.
  for (const name of names) proven.push(await verifyReceipt(directory, name, note, head));
  const entries = proven.flatMap(({ name, body }) => {
    const entry = parseCertified(body);
    if (entry === undefined) throw tampered(name, "proves an entry of which a certificate does not tell");
    return [entry];
  });
  if (entries.some((entry) => "request" in entry && entry.request !== predicate.request)) {
    throw tampered(certificateFile, "rests on entries about another request");
  }
  const certificate = parse(await readBounded(directory, certificateFile, largestCertificate));
  if (certificate.request !== predicate.request || certificate.controller.name !== predicate.controller) {
    throw tampered(certificateFile, "is about another request, or another controller's, than the statement");
  }
  const { size, root } = predicate.checkpoint;
  const indexes = proven.map(({ index }) => index);
  const told = certificate.ledger;
  if (told.size !== size || told.root !== root || told.entries.join() !== indexes.join()) {
    throw tampered(certificateFile, "names another head of the ledger, or other entries, than it comes with");
  }
  const facts = factsOf(entries);
  if (facts === undefined)
    throw tampered(certificateFile, "comes with entries that do not tell the request to be done");
  if (canonicalJson(facts) !== canonicalJson(certificate.facts)) {
    throw tampered(certificateFile, "says otherwise of its request than the ledger's entries");
  }
  const back = facts.completed === null ? undefined : reachingBack(facts);
  if (back !== undefined) throw tampered(certificateFile, back);
  return { receipts: entries.length, facts };
};

const verifyReceipt = async (
  directory: string,
  name: string,
  note: string,
  { size, root }: Checkpoint,
): Promise<{ readonly name: string; readonly index: number; readonly body: string }> => {
  const proof = parseTlogProof(decodeUtf8(await readBounded(directory, name, largestCertificate)) ?? "");
  const body = proof && decodeUtf8(proof.extra);
  if (proof === undefined || body === undefined) throw tampered(name, "is not a proof with its entry");
  if (name !== receiptFile(proof.index)) throw tampered(name, "proves another entry than its name says");
  if (proof.checkpoint !== note) throw tampered(name, "rests on another checkpoint than the certificate's");
  const claim = { leaf: leafHash(proof.extra), index: proof.index, size, root };
  if (!verifyInclusion(claim, proof.hashes)) throw tampered(name, "does not prove its entry to be in the ledger");
  return { name, index: proof.index, body };
};

const parse = (bytes: Buffer): z.infer<typeof certificateSchema> => {
  const text = decodeUtf8(bytes);
  const value = text?.endsWith("\n") === true ? parseCanonical(text.slice(0, -1)) : undefined;
  const certificate = certificateSchema.safeParse(value);
  if (!certificate.success) throw tampered(certificateFile, "is not a certificate in canonical form");
  return certificate.data;
};

/**
 * Why a completed request cannot have been: a backup, or a log, of a quoted inventory goes back to before the erasure, or to before the release
 * of a restore that had undone it.
 */
const reachingBack = ({ inventories, verified, restored }: CertificateFacts): string | undefined => {
  const reaches = (at: string, back: string): boolean => Temporal.Instant.compare(at, back) <= 0;
  const undone = restored.filter(({ asOf }) => reaches(asOf, verified.at)).map(({ released }) => released);
  const since = ({ oldest, log }: CertificateFacts["inventories"][number]): readonly string[] =>
    [oldest, log?.since ?? null].filter((instant) => instant !== null);
  const back = inventories.find((each) =>
    since(each).some((at) => [verified.at, ...undone].some((erased) => reaches(at, erased))),
  );
  return back && "says that the request is completed, and quotes a repository that goes back to before the erasure";
};
