import { lstat } from "node:fs/promises";
import type { CertificateFacts } from "#evidence/certificate-facts.ts";
import { decisions } from "#evidence/decided.ts";
import { declarations } from "#evidence/declared.ts";
import { entriesFile } from "#evidence/entries-file.ts";
import { missing, tampered } from "#evidence/faults.ts";
import { keyId as keyIdOf } from "#lib/keys.ts";
import {
  certificateType,
  reportType,
  type CertificatePredicate,
  type CertificateStatement,
  type ReportPredicate,
  type ReportStatement,
  type TreeHeadJson,
} from "#evidence/statement.ts";
import { verifyCertificate } from "#evidence/verify-certificate.ts";
import { parsePublicKey, readEnvelope, verifyEnvelope } from "#evidence/verify-envelope.ts";
import { verifyFiles, type VerifiedFile } from "#evidence/verify-files.ts";
import { verifyEntries, verifyLedgerHead } from "#evidence/verify-ledger.ts";
import { verifyReport, type ReportCounts } from "#evidence/verify-report.ts";
import type { Checkpoint } from "#ledger/checkpoint.ts";
import { isLetheError } from "#lib/errors.ts";

type Verified = {
  readonly keyId: string;
  readonly files: readonly VerifiedFile[];
  /** One sentence for each step, in order. */
  readonly checks: readonly string[];
};

export type VerifiedReport = Verified & {
  readonly kind: "report";
  /** Run or period, controller, policies, program: as signed. */
  readonly about: ReportPredicate;
  readonly ledger: { readonly previous: TreeHeadJson; readonly head: TreeHeadJson };
  readonly counts: ReportCounts;
};

export type VerifiedCertificate = Verified & {
  readonly kind: "certificate";
  /** Request, controller, policies, program: as signed. */
  readonly about: CertificatePredicate;
  readonly ledger: { readonly head: TreeHeadJson };
  /** As the entries tell it. */
  readonly request: CertificateFacts;
};

export type VerifiedBundle = VerifiedReport | VerifiedCertificate;

/**
 * Verifies a bundle offline, from nothing but its directory and the controller's public key (PEM). Everything in the
 * directory is hostile until a signature or a signed digest covers it.
 *
 * @throws LetheError `EVIDENCE_TAMPERED` or `EVIDENCE_MISSING` naming the file, `EVIDENCE_KEY` for another signer,
 * `KEY_INVALID` for a key that is none.
 */
export const verifyBundle = async (directory: string, publicKeyPem: string): Promise<VerifiedBundle> => {
  const publicKey = parsePublicKey(publicKeyPem);
  try {
    await assertDirectory(directory);

    // 1. The envelope is in its one canonical form.
    const envelope = await readEnvelope(directory);

    // 2. The given key signed it.
    const statement = verifyEnvelope(envelope, publicKey);

    // 3. The files of the bundle are those of the statement, and no others.
    const files = await verifyFiles(directory, statement);

    // 4. The checkpoint is signed and is the statement's.
    const head = await verifyLedgerHead(directory, statement, publicKey);

    const keyId = keyIdOf(publicKey);
    const checks = [
      "the statement is in its one canonical form",
      `key ${keyId} signed it`,
      `${files.length} files have the SHA-256 that was signed, and there are no others`,
      `the checkpoint over ${head.size} ledger entries bears the same key's signature`,
    ];
    const verified = { keyId, files, checks };
    switch (statement.predicateType) {
      case reportType:
        return await verifyReportRest(directory, statement, head, verified);
      case certificateType:
        return await verifyCertificateRest(directory, statement, head, verified);
    }
  } catch (error) {
    // Whatever a hostile directory makes the machine say, it is not a crash of ours.
    throw isLetheError(error) ? error : tampered("bundle", "cannot be read to its end", error);
  }
};

/** The rest of a report of a run or a period. */
const verifyReportRest = async (
  directory: string,
  statement: ReportStatement,
  head: Checkpoint,
  { checks, ...verified }: Verified,
): Promise<VerifiedReport> => {
  // 5. The entries lead from the head before to that checkpoint, and approvals lie beside the exceptions that they name.
  const [declared, decided] = [declarations(), decisions()];
  const previous = await verifyEntries(directory, head, (line) => {
    declared.take(line);
    decided.take(line);
  });
  const fault = decided.fault();
  if (fault !== undefined) throw tampered(entriesFile, fault);

  // 6. The report is about that run and that ledger, its register reconciles, and requests ended as the entries say.
  const { counts, ended } = await verifyReport(directory, statement, previous, { declared, decided });
  return {
    kind: "report",
    ...verified,
    about: statement.predicate,
    ledger: { previous, head: statement.predicate.checkpoint },
    counts,
    checks: [
      ...checks,
      `${head.size - previous.size} entries lead from the earlier head, at ${previous.size}, to that checkpoint`,
      `${decided.approvals()} ${decided.approvals() === 1 ? "approval lies" : "approvals lie"} beside the exceptions that they name, and refusals are told as the entries tell them`,
      `the register reconciles: ${counts.received} requests received, ${counts.received} accounted for`,
      `${ended} ${ended === 1 ? "request" : "requests"} ended as the ledger's entries declare, and what stays of them is what these say`,
    ],
  };
};

/** The rest of a certificate of one request. */
const verifyCertificateRest = async (
  directory: string,
  statement: CertificateStatement,
  head: Checkpoint,
  { checks, ...verified }: Verified,
): Promise<VerifiedCertificate> => {
  const { receipts, facts } = await verifyCertificate(directory, statement, head);
  return {
    kind: "certificate",
    ...verified,
    about: statement.predicate,
    ledger: { head: statement.predicate.checkpoint },
    request: facts,
    checks: [
      ...checks,
      `${receipts} ledger entries are in the tree under that checkpoint, each by its own receipt`,
      "what the certificate says of its request is what these entries tell, and nothing else",
      ...(facts.completed === null
        ? []
        : facts.inventories.map(
            ({ repository }) =>
              `when it was completed, no backup listed in ${repository} went back to before the erasure`,
          )),
    ],
  };
};

const assertDirectory = async (directory: string): Promise<void> => {
  const facts = await lstat(`${directory}/`).catch(() => undefined);
  if (facts?.isDirectory() !== true) throw missing("bundle", "is not a directory");
};
