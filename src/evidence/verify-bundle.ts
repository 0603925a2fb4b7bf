import { lstat } from "node:fs/promises";
import { decisions } from "#evidence/decided.ts";
import { declarations } from "#evidence/declared.ts";
import { entriesFile } from "#evidence/entries-file.ts";
import { missing, tampered } from "#evidence/faults.ts";
import { keyId as keyIdOf } from "#lib/keys.ts";
import type { Predicate, TreeHeadJson } from "#evidence/statement.ts";
import { parsePublicKey, readEnvelope, verifyEnvelope } from "#evidence/verify-envelope.ts";
import { verifyFiles, type VerifiedFile } from "#evidence/verify-files.ts";
import { verifyEntries, verifyLedgerHead } from "#evidence/verify-ledger.ts";
import { verifyReport, type ReportCounts } from "#evidence/verify-report.ts";
import { isLetheError } from "#lib/errors.ts";

export type VerifiedBundle = {
  readonly keyId: string;
  /** Run or period, controller, policies, program: as signed. */
  readonly about: Predicate;
  readonly files: readonly VerifiedFile[];
  readonly ledger: { readonly previous: TreeHeadJson; readonly head: TreeHeadJson };
  readonly counts: ReportCounts;
  /** One sentence for each step, in order. */
  readonly checks: readonly string[];
};

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

    const keyId = keyIdOf(publicKey);
    return {
      keyId,
      about: statement.predicate,
      files,
      ledger: { previous, head: statement.predicate.checkpoint },
      counts,
      checks: [
        "the statement is in its one canonical form",
        `key ${keyId} signed it`,
        `${files.length} files have the SHA-256 that was signed, and there are no others`,
        `the checkpoint over ${head.size} ledger entries bears the same key's signature`,
        `${head.size - previous.size} entries lead from the earlier head, at ${previous.size}, to that checkpoint`,
        `${decided.approvals()} ${decided.approvals() === 1 ? "approval lies" : "approvals lie"} beside the exceptions that they name, and refusals are told as the entries tell them`,
        `the register reconciles: ${counts.received} requests received, ${counts.received} accounted for`,
        `${ended} ${ended === 1 ? "request" : "requests"} ended as the ledger's entries declare, and what stays of them is what these say`,
      ],
    };
  } catch (error) {
    // Whatever a hostile directory makes the machine say, it is not a crash of ours.
    throw isLetheError(error) ? error : tampered("bundle", "cannot be read to its end", error);
  }
};

const assertDirectory = async (directory: string): Promise<void> => {
  const facts = await lstat(`${directory}/`).catch(() => undefined);
  if (facts?.isDirectory() !== true) throw missing("bundle", "is not a directory");
};
