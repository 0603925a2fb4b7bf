import { remedyFor, sqlFailureOf } from "#db/database-error.ts";
import { isLetheError } from "#lib/errors.ts";
import type { RequestDetail } from "#records/request.ts";

/** What a subject's failure is called, where it happened, and how often the same batch is planned and tried before somebody is to blame. */
export type Failure = { readonly code: string; readonly tries: number; readonly detail: RequestDetail };

/** What a batch finds out about itself before it commits. */
const found = ["TOTALS_CHANGED", "FIGURE_CHANGED", "REMEDY_INCOMPLETE", "MARK_CHANGED", "STILL_VISIBLE"] as const;

/** Undefined when no subject is to blame: work on the store stops. */
export const failureOf = (error: unknown): Failure | undefined => {
  for (const code of found) if (isLetheError(error, code)) return { code, tries: 1, detail: { hint: error.hint } };
  const failure = sqlFailureOf(error);
  if (failure === undefined) return undefined;
  const remedy = remedyFor(failure.sqlstate);
  if (remedy === "store") return undefined;
  const place = Object.fromEntries(Object.entries(failure).filter(([, name]) => name !== undefined));
  const code = remedy === "retry" ? "PLAN_MOVED" : requestCode(failure.sqlstate);
  // A foreign key may be violated by a row that came after our snapshot: the next one sees it.
  const tries = remedy === "retry" ? 4 : failure.sqlstate === "23503" ? 2 : 1;
  return { code, tries, detail: { ...place, hint: hints[code] } };
};

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
  CONSTRAINT_VIOLATED: "mend the row or the policy, then `lethe request approve` again",
} as const;
