import { sign, type KeyObject } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Temporal } from "temporal-polyfill";
import { envelopeFile, payloadType, preAuthenticationEncoding, type Envelope } from "#evidence/dsse.ts";
import { hashFile } from "#evidence/hash-file.ts";
import {
  fileNamePattern,
  statementSchema,
  statementType,
  type CertificateStatement,
  type ReportStatement,
  type Statement,
} from "#evidence/statement.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { LetheError } from "#lib/errors.ts";

export type SignOptions = {
  /** Ed25519. */
  readonly signing: KeyObject;
  readonly keyId: string;
  readonly createdAt: Temporal.Instant;
  readonly claim: Claim;
};

type ClaimOf<S extends Statement> = Pick<S, "predicateType"> & { readonly predicate: Omit<S["predicate"], "created"> };

/** What the bundle claims to be. */
export type Claim = ClaimOf<ReportStatement> | ClaimOf<CertificateStatement>;

/**
 * Signs a directory of finished files: hashes each, and writes `statement.dsse.json`. Last step before the directory gets
 * its final name; again over the same files at the same time it writes the same bytes.
 */
export const signBundle = async (directory: string, options: SignOptions): Promise<void> => {
  const { predicateType, predicate } = options.claim;
  const created = options.createdAt.toString({ smallestUnit: "millisecond" });
  const statement = statementSchema.parse({
    _type: statementType,
    subject: await subjectsOf(directory),
    predicateType,
    predicate: { ...predicate, created },
  });
  const envelope = signStatement(statement, options.signing, options.keyId);
  await writeFile(join(directory, envelopeFile), envelope, { flush: true });
};

/** The one written form of a signed statement. */
export const signStatement = (statement: Statement, signing: KeyObject, keyId: string): string => {
  const payload = Buffer.from(canonicalJson(statement));
  const signature = sign(null, preAuthenticationEncoding(payloadType, payload), signing);
  const envelope: Envelope = {
    payload: payload.toString("base64"),
    payloadType,
    signatures: [{ keyid: keyId, sig: signature.toString("base64") }],
  };
  return `${canonicalJson(envelope)}\n`;
};

const subjectsOf = async (directory: string): Promise<Statement["subject"]> => {
  const found = await readdir(directory, { withFileTypes: true });
  const subjects: Statement["subject"] = [];
  for (const entry of found.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name === envelopeFile) continue;
    if (!entry.isFile() || !fileNamePattern.test(entry.name)) {
      throw new LetheError("REPORT_UNWRITABLE", "something other than plain files is in the bundle", {
        hint: "let no other program write to the directory of the reports",
      });
    }
    subjects.push({ name: entry.name, digest: { sha256: await hashFile(join(directory, entry.name)) } });
  }
  return subjects;
};
