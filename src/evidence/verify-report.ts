import { z } from "zod";
import type { Declarations } from "#evidence/declared.ts";
import { decodeUtf8, readBounded } from "#evidence/canonical-file.ts";
import type { Decisions } from "#evidence/decided.ts";
import { tampered } from "#evidence/faults.ts";
import { decidedItemSchema, exceptionListsSchema, faultOfDecisions } from "#evidence/verify-decisions.ts";
import { faultOfOutcomes, outcomesSchema, staysSchema } from "#evidence/verify-outcomes.ts";
import { treeHeadSchema, type ReportStatement, type TreeHeadJson } from "#evidence/statement.ts";

const reportFile = "report.json";

/**
 * A report lists every open request: some hundred bytes each, for up to hundreds of thousands of them; and every column in which a
 * soft policy leaves personal data. V8 holds no longer text.
 */
const largestReport = 500 * 1024 * 1024;

const count = z.int().nonnegative();

const countsSchema = z.object({
  received: count,
  done: count,
  refused: count,
  withdrawn: count,
  pending: count,
  failed: count,
  blocked: count,
  overdue: count,
});

export type ReportCounts = z.infer<typeof countsSchema>;

/** Only what is compared here: the rest of a report may grow without making old verifiers fail. */
const reportSchema = z.object({
  run: z.object({ id: z.string() }).optional(),
  period: z.object({ from: z.string(), to: z.string() }).optional(),
  runs: z.array(z.object({ id: z.string() })).optional(),
  controller: z.object({ name: z.string() }),
  policies: z.array(z.object({ digest: z.string() })),
  requests: z.object({
    counts: countsSchema,
    items: z.array(decidedItemSchema).optional(),
  }),
  // Reports of before there were outcomes have neither.
  outcomes: outcomesSchema.optional(),
  stays: staysSchema.optional(),
  ledger: treeHeadSchema.extend({ from: count }),
  exceptionLists: exceptionListsSchema.optional(),
});

export type VerifiedReport = {
  readonly counts: ReportCounts;
  /** Requests of which it says how they ended, as the ledger's entries do. */
  readonly ended: number;
};

/**
 * Step 6: the report is about the run and the ledger of the statement, its register reconciles (A11, I9), and what it says of the end of
 * requests and of decisions about them is what the entries tell.
 */
export const verifyReport = async (
  directory: string,
  { predicate }: ReportStatement,
  previous: TreeHeadJson,
  { declared, decided }: { readonly declared: Declarations; readonly decided: Decisions },
): Promise<VerifiedReport> => {
  const report = parseReport(await readBounded(directory, reportFile, largestReport));
  const { ledger, requests } = report;
  const { size, root } = predicate.checkpoint;
  if ((report.run?.id ?? null) !== predicate.run) throw tampered(reportFile, "is about another run than the statement");
  if (report.period?.from !== predicate.period?.from || report.period?.to !== predicate.period?.to) {
    throw tampered(reportFile, "is about another period than the statement");
  }
  if (report.controller.name !== predicate.controller) throw tampered(reportFile, "is another controller's");
  const signed = new Set(predicate.policies);
  if (!report.policies.every(({ digest }) => signed.has(digest))) {
    throw tampered(reportFile, "names policies that are not in the statement");
  }
  // What the report is about starts in the bundle: entries before that belong to intake, or to a run that died.
  const covered = previous.size <= ledger.from && ledger.from <= size;
  if (ledger.size !== size || ledger.root !== root || !covered) {
    throw tampered(reportFile, "names another part of the ledger than the one in the bundle");
  }
  const { counts } = requests;
  const accounted = counts.done + counts.refused + counts.withdrawn + counts.pending + counts.failed;
  if (counts.received !== accounted || counts.blocked > counts.pending || counts.overdue > counts.pending) {
    throw tampered(reportFile, `does not reconcile: ${counts.received} requests received, ${accounted} accounted for`);
  }
  const fault = faultOfDecisions({ items: requests.items ?? [], lists: report.exceptionLists }, decided);
  if (fault !== undefined) throw tampered(reportFile, fault);
  return { counts, ended: verifyOutcomes(report, declared) };
};

const verifyOutcomes = (report: z.infer<typeof reportSchema>, declared: Declarations): number => {
  const runs = report.runs ?? (report.run === undefined ? [] : [report.run]);
  const ends = declared.by(new Set(runs.map(({ id }) => id)));
  const { outcomes, stays, requests } = report;
  if (outcomes === undefined || stays === undefined || requests.items === undefined) {
    if (ends.size > 0) throw tampered(reportFile, "does not say what became of the requests that the ledger names");
    return 0;
  }
  const fault = faultOfOutcomes({ outcomes, stays, register: requests.items }, ends);
  if (fault !== undefined) throw tampered(reportFile, fault);
  return ends.size;
};

const parseReport = (bytes: Buffer): z.infer<typeof reportSchema> => {
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(bytes) ?? "");
  } catch {
    throw tampered(reportFile, "is not JSON");
  }
  const report = reportSchema.safeParse(value);
  if (!report.success) throw tampered(reportFile, "lacks its run, its counts or its place in the ledger");
  return report.data;
};
