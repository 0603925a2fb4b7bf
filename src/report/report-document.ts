import { z } from "zod";
import { exceptionLetters } from "#records/exception.ts";
import { lates } from "#records/anonymity.ts";
import { grounds, requestStates } from "#records/request.ts";
import { treatments } from "#records/treatment.ts";
import { anonymityItem, conserved, lateItem } from "#report/anonymity-document.ts";
import { exceptionList, refusal } from "#report/decision-document.ts";
import { endedItem, expiredItem, expiryRest, hold, restore, revision } from "#report/retention-document.ts";
import { figureItem, outcomeSection, remedySection, staySection, taskItem } from "#report/outcome-document.ts";

/** The `type` of `report.json`; a reader refuses what it does not know. */
export const reportType = "urn:lethe:report:v1";

const count = z.int().nonnegative();
const day = z.iso.date();
const instant = z.iso.datetime();
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const until = z.strictObject({ first: day, last: day }).nullable();

const detail = z.strictObject({
  store: z.string().optional(),
  table: z.string().optional(),
  column: z.string().optional(),
  constraint: z.string().optional(),
  sqlstate: z.string().optional(),
  rows: count.optional(),
  also: z.array(z.string()).optional(),
  hint: z.string().optional(),
  matter: z.string().optional(),
  measured: z.strictObject({ k: count, l: count.optional(), t: z.number().optional() }).optional(),
  wait: z.strictObject({ missing: count.optional(), then: z.enum(lates) }).optional(),
});

const runFacts = z.strictObject({
  id: z.string(),
  job: z.string(),
  started: instant,
  ended: instant,
  outcome: z.enum(["done", "attention", "failed", "stopped"]),
  /** Name and version of the program, from the ledger; null when the run began before that was recorded. */
  tool: z.string().nullable(),
});

const policyFacts = z.strictObject({
  store: z.string(),
  /** Null when the policy has changed since the run: then only its digest is known. */
  name: z.string().nullable(),
  version: z.int().nullable(),
  digest: z.string(),
});

/** A request as it stood when the report was read; `daysLeft` is negative when it is late, null once it is closed. */
const requestItem = z.strictObject({
  ref: z.string(),
  state: z.enum(requestStates),
  outcome: z.enum(["done", "refused", "withdrawn", "pending", "failed"]),
  received: day,
  due: day,
  basis: z.string(),
  ground: z.enum(grounds).nullable(),
  purpose: z.string().nullable(),
  daysLeft: z.int().nullable(),
  decided: instant.nullable(),
  /** When its time of grace is over. */
  scheduledFor: instant.nullable(),
  erased: instant.nullable(),
  completed: instant.nullable(),
  backupsClearOn: day.nullable(),
  /** Backups, and archives of the log, that may still hold the person of an erased request; null of others. */
  backupsLeft: count.nullable(),
  code: z.string().nullable(),
  hint: z.string().nullable(),
  repeats: count,
  /** The digest of what its approval left in place by exception: see `exceptionLists`. */
  exceptions: digest.nullable(),
  refusal: refusal.nullable(),
});

const overdueItem = z.strictObject({
  ref: z.string(),
  state: z.enum(requestStates),
  due: day,
  daysLate: count,
  code: z.string().nullable(),
});

/** A pending request whose day comes near (`warn_days`), or whose receipt should have been confirmed by now. */
const warningItem = z.strictObject({
  ref: z.string(),
  what: z.enum(["due-soon", "not-confirmed"]),
  due: day,
  daysLeft: z.int(),
});

/** A request that a person must look at: why, since when, and where. */
const stoppedItem = z.strictObject({
  ref: z.string(),
  state: z.enum(["failed", "blocked", "held"]),
  code: z.string(),
  since: instant.nullable(),
  due: day,
  daysLeft: z.int(),
  detail,
});

const disposition = z.strictObject({
  store: z.string(),
  table: z.string(),
  treatment: z.enum(treatments),
  rows: count,
  spared: count,
  requests: count,
  basis: z.string().nullable(),
  until,
  /** Of Art. 17(3) GDPR, by which rows are retained, as it was recorded with them. */
  exception: z.enum(exceptionLetters).nullable(),
});

const retained = disposition.omit({ treatment: true, spared: true });

const residual = z.strictObject({
  ref: z.string(),
  store: z.string(),
  table: z.string(),
  column: z.string(),
  rows: count,
  /** Whether it is still to be cleaned: the request is failed, and the latest search has found it there again. */
  open: z.boolean(),
});

const backupSet = z.strictObject({
  repository: z.string(),
  name: z.string(),
  sha256: digest,
  bytes: count,
  taken: instant,
  state: z.enum(["listed", "condemned", "purged", "vanished"]),
  purgedAt: instant.nullable(),
  /** When one of our nights last read it to its end and found that it can be restored from; null: none did. */
  verifiedAt: instant.nullable(),
});

const goneSet = backupSet.omit({ repository: true, state: true, verifiedAt: true });

const backupException = z.strictObject({
  repository: z.string(),
  name: z.string(),
  code: z.string(),
  /** The day from which keeping it breaches the retention period. */
  breach: z.string().nullable(),
});

const drill = z.strictObject({
  at: instant,
  /** Null where there was no good one. */
  name: z.string().nullable(),
  outcome: z.enum(["clean", "waiting", "failed"]),
  code: z.string().nullable(),
  restored: count.nullable(),
  replayed: count.nullable(),
  repeated: count,
  waiting: count,
});

const repository = z.strictObject({
  repository: z.string(),
  store: z.string().nullable(),
  keepDays: z.int().nullable(),
  kept: count,
  bytes: count,
  oldest: instant.nullable(),
  newest: instant.nullable(),
  /** From when to when archives of the write-ahead log go, which hold what was written then. */
  log: z.strictObject({ since: instant, until: instant }).nullable(),
  /** The newest set from which it was seen that one can restore, by the last of the runs. */
  verified: z.strictObject({ name: z.string(), sha256: digest, at: instant }).nullable(),
  /** When one was last restored to try it, and what came of it; times in seconds. Null: never. */
  drill: drill.nullable(),
  purged: z.array(goneSet),
  vanished: z.array(goneSet),
  /** As the last of the runs that looked into it left them, and what has vanished since the first. */
  exceptions: z.array(backupException.omit({ repository: true })),
});

const requestCounts = z
  .strictObject({
    received: count,
    done: count,
    refused: count,
    withdrawn: count,
    pending: count,
    failed: count,
    blocked: count,
    overdue: count,
  })
  .refine((n) => n.received === n.done + n.refused + n.withdrawn + n.pending + n.failed, "the register must reconcile")
  .refine((n) => n.blocked <= n.pending && n.overdue <= n.pending, "blocked and overdue are part of pending");

const deadlines = z.strictObject({ overdue: count, within7: count, within14: count, within30: count, later: count });

const controller = z.strictObject({ name: z.string(), country: z.string(), dpo: z.string(), timeZone: z.string() });
const signature = z.strictObject({ algorithm: z.literal("Ed25519"), keyId: z.string() });
const ledger = z.strictObject({ from: count, size: count, root: digest });
const limit = z.strictObject({ code: z.string(), text: z.string() });

/**
 * `report.json`: what one run (`run`), or all runs of a period (`period`, `runs`), did, as read back from Lethe's own
 * records at `readAt`. It holds no personal data: requests are named by their random reference (I8).
 */
export const reportDocument = z
  .strictObject({
    type: z.literal(reportType),
    readAt: instant,
    controller,
    run: runFacts.optional(),
    period: z.strictObject({ from: day, to: day }).optional(),
    runs: z.array(runFacts).optional(),
    policies: z.array(policyFacts),
    requests: z.strictObject({
      counts: requestCounts,
      deadlines,
      /** `items` are the open ones and those that changed since the run before; the others are in earlier reports. */
      listed: count,
      closedEarlier: count,
      overdue: z.array(overdueItem),
      warnings: z.array(warningItem),
      items: z.array(requestItem),
    }),
    dispositions: z.array(disposition),
    retained: z.array(retained),
    revisions: z.array(revision),
    expiry: z.strictObject({ expired: z.array(expiredItem), rest: z.array(expiryRest), ended: z.array(endedItem) }),
    holds: z.array(hold),
    outcomes: outcomeSection,
    stays: staySection,
    remedied: remedySection,
    figures: z.array(figureItem),
    tasks: z.array(taskItem),
    analytics: z.strictObject({
      conserved: z.array(conserved),
      late: z.array(lateItem),
      anonymity: z.array(anonymityItem),
    }),
    backups: z.array(repository),
    restores: z.array(restore),
    failures: z.array(stoppedItem),
    blocks: z.array(stoppedItem),
    residuals: z.array(residual),
    ledger,
    signature,
    limits: z.array(limit),
    exceptionLists: z.array(exceptionList),
  })
  .refine((document) => (document.run === undefined) !== (document.period === undefined), "one run or one period");

export type ReportDocument = z.infer<typeof reportDocument>;
export type RunFacts = z.infer<typeof runFacts>;
export type PolicyFacts = z.infer<typeof policyFacts>;
export type RequestItem = z.infer<typeof requestItem>;
export type OverdueItem = z.infer<typeof overdueItem>;
export type WarningItem = z.infer<typeof warningItem>;
export type StoppedItem = z.infer<typeof stoppedItem>;
export type DispositionItem = z.infer<typeof disposition>;
export type RetainedItem = z.infer<typeof retained>;
export type ResidualItem = z.infer<typeof residual>;
export type BackupSetItem = z.infer<typeof backupSet>;
export type RepositoryItem = z.infer<typeof repository>;
export type Limit = z.infer<typeof limit>;
