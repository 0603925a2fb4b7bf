import { z } from "zod";

/**
 * The in-toto Statement v1 of a bundle, https://in-toto.io/Statement/v1: every other file with its SHA-256, and what the
 * bundle claims to be. Shared by signer and verifier.
 */
export const statementType = "https://in-toto.io/Statement/v1";
export const reportType = "urn:lethe:report:v1";
export const certificateType = "urn:lethe:certificate:v1";

/** Files that verification reads; a bundle without one of them is incomplete. */
export const requiredFiles = {
  [reportType]: ["checkpoint", "entries.jsonl", "report.json"],
  [certificateType]: ["certificate.json", "checkpoint"],
} as const;

/** A plain name, never a path. */
export const fileNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.int().nonnegative();

const subject = z.strictObject({ name: z.string().regex(fileNamePattern), digest: z.strictObject({ sha256 }) });

export const treeHeadSchema = z.strictObject({ size, root: sha256 });

const signed = {
  created: z.iso.datetime(),
  controller: z.string(),
  /** Digests of the policies that were in force. */
  policies: z.array(z.string()),
  checkpoint: treeHeadSchema,
  /** Name and version of the program. */
  tool: z.string(),
};

const reportPredicate = z.strictObject({
  /** The run that the report is about; null for a report over a period. */
  run: z.string().nullable(),
  /** First and last day, for a report over a period. */
  period: z.strictObject({ from: z.iso.date(), to: z.iso.date() }).nullable(),
  ...signed,
});

const certificatePredicate = z.strictObject({
  /** The reference of the request that the certificate is about. */
  request: z.string(),
  ...signed,
});

/** A certificate has a file for each entry: a request that failed for years, or that recipients had much to do for, has thousands. */
export const mostFiles = { [reportType]: 1_000, [certificateType]: 20_000 } as const;

const bundleOf = (type: keyof typeof mostFiles) => ({
  _type: z.literal(statementType),
  subject: z.array(subject).min(1).max(mostFiles[type]),
});
const reportStatement = z.strictObject({
  ...bundleOf(reportType),
  predicateType: z.literal(reportType),
  predicate: reportPredicate,
});
const certificateStatement = z.strictObject({
  ...bundleOf(certificateType),
  predicateType: z.literal(certificateType),
  predicate: certificatePredicate,
});

export const statementSchema = z.discriminatedUnion("predicateType", [reportStatement, certificateStatement]);

export type Statement = z.infer<typeof statementSchema>;
export type ReportStatement = z.infer<typeof reportStatement>;
export type CertificateStatement = z.infer<typeof certificateStatement>;
export type Subject = z.infer<typeof subject>;
export type ReportPredicate = z.infer<typeof reportPredicate>;
export type CertificatePredicate = z.infer<typeof certificatePredicate>;
/** A tree head as JSON carries it: the root in lower-case hexadecimal. */
export type TreeHeadJson = z.infer<typeof treeHeadSchema>;
