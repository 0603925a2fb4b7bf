import { remedyFor, sqlFailureOf, type SqlFailure } from "#db/database-error.ts";
import type { ErrorCode } from "#lib/error-codes.ts";
import { isLetheError, LetheError } from "#lib/errors.ts";
import type { RequestDetail } from "#records/request.ts";

/** What a subject's failure is called, where it happened, and how often the same batch is planned and tried before somebody is to blame. */
export type Failure = {
  readonly code: string;
  readonly tries: number;
  readonly detail: RequestDetail;
  /** Whether smaller parts of the batch may find out whose fault it is; else it is everybody's. */
  readonly divisible: boolean;
  /** What was thrown, where it may as well be the store's fault. */
  readonly doubtful: unknown;
};

/** What a batch finds out about itself before it commits, with the place for the request's record. */
export class BatchError extends LetheError {
  readonly detail: RequestDetail;

  constructor(code: ErrorCode, message: string, hint: string, detail: RequestDetail) {
    super(code, message, { hint });
    this.detail = { ...detail, hint };
  }
}

/**
 * Values that were exchanged met a constraint. Whatever parts of the batch were tried then, those would pass in which little moved, and surely one in
 * which nothing did: that the exchange was random could not be said any more.
 */
export class ExchangeError extends Error {
  readonly violated: SqlFailure;

  constructor(violated: SqlFailure) {
    super(`exchanged values violate ${violated.constraint ?? "a constraint"}`);
    this.violated = violated;
  }
}

/** What a batch finds out about itself before it commits. */
const found = ["TOTALS_CHANGED", "FIGURE_CHANGED", "REMEDY_INCOMPLETE", "MARK_CHANGED", "STILL_VISIBLE"] as const;

/** Undefined when no subject is to blame: work on the store stops. */
export const failureOf = (error: unknown): Failure | undefined => {
  if (error instanceof BatchError) return itsOwn(error.code, error.detail);
  for (const code of found) if (isLetheError(error, code)) return itsOwn(code, { hint: error.hint });
  if (error instanceof ExchangeError) {
    const detail = { ...placeOf(error.violated), hint: hints.EXCHANGE };
    return { ...itsOwn("CONSTRAINT_VIOLATED", detail), divisible: false };
  }
  const failure = sqlFailureOf(error);
  if (failure === undefined) return undefined;
  const remedy = remedyFor(failure);
  if (remedy === "store") return undefined;
  const code = remedy === "retry" ? "PLAN_MOVED" : requestCode(failure.sqlstate);
  // A foreign key may be violated by a row that came after our snapshot: the next one sees it.
  const tries = remedy === "retry" ? 4 : failure.sqlstate === "23503" ? 2 : 1;
  const doubtful = remedy === "doubt" ? error : undefined;
  return { code, tries, detail: { ...placeOf(failure), hint: hints[code] }, divisible: true, doubtful };
};

const placeOf = ({ raised: _, ...names }: SqlFailure): RequestDetail =>
  Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined));

/**
 * While rows are only read, a table that somebody has locked as a whole is nobody's fault; too many rows, or one that cannot be read, may
 * be one subject's. Throws what no subject is to blame for.
 */
export const readingFailure = (error: unknown): Failure => {
  const failure = failureOf(error);
  if (failure === undefined || failure.code === "ROW_LOCKED") throw error;
  return failure;
};

const itsOwn = (code: string, detail: RequestDetail): Failure => ({
  code,
  tries: 1,
  detail,
  divisible: true,
  doubtful: undefined,
});

const requestCode = (sqlstate: string) => {
  switch (sqlstate) {
    case "55P03":
    case "55006":
      return "ROW_LOCKED";
    case "57014":
      return "STATEMENT_TIMEOUT";
    default:
      return "CONSTRAINT_VIOLATED";
  }
};

const hints = {
  PLAN_MOVED: "its rows kept changing while it was executed; the next night tries again",
  ROW_LOCKED: "another session holds its rows; the next night tries again",
  STATEMENT_TIMEOUT:
    "raise statement_timeout or index the references that lead to its rows; the next night tries again",
  EXCHANGE: "shuffle within columns that the constraint names, or empty it; then `lethe request approve` again",
  CONSTRAINT_VIOLATED: "mend the row or the policy, then `lethe request approve` again",
} as const;
