import type { Late } from "#records/anonymity.ts";

/**
 * The life of an erasure request. `scheduled`: waits until its time of grace is over; `erased`: gone from the live stores and verified;
 * `archived`: deleted as the policy says, which leaves the person's data where it is; `completed`: also gone from the last backup.
 */
export const requestStates = [
  "received",
  "verified",
  "approved",
  "scheduled",
  "erasing",
  "erased",
  "archived",
  "completed",
  "blocked",
  "held",
  "failed",
  "refused",
  "withdrawn",
] as const;

export type RequestState = (typeof requestStates)[number];

/** From each state the states that may follow; everything else is `REQUEST_STATE`. */
export const transitions: Readonly<Record<RequestState, readonly RequestState[]>> = {
  received: ["verified", "refused", "withdrawn", "held"],
  verified: ["approved", "refused", "withdrawn", "held"],
  approved: [
    "scheduled",
    "erasing",
    "erased",
    "archived",
    "blocked",
    "verified",
    "failed",
    "refused",
    "withdrawn",
    "held",
  ],
  scheduled: ["erasing", "erased", "archived", "blocked", "failed", "verified", "refused", "withdrawn", "held"],
  erasing: ["erased", "archived", "scheduled", "failed", "approved", "blocked", "verified"],
  erased: ["completed"],
  // Who is active again has not been erased.
  archived: ["verified"],
  completed: [],
  blocked: ["approved", "verified", "erased", "archived", "refused", "withdrawn", "held"],
  held: ["received", "verified", "approved", "blocked", "refused", "withdrawn"],
  failed: ["approved", "verified", "erasing", "erased", "archived", "refused", "withdrawn", "held"],
  refused: [],
  withdrawn: [],
};

export const mayBecome = (from: RequestState, to: RequestState): boolean => transitions[from].includes(to);

/** How the register counts a request (A11): received = done + refused + withdrawn + pending + failed. */
export type RequestOutcome = "done" | "refused" | "withdrawn" | "pending" | "failed";

export const outcomeOf = (state: RequestState): RequestOutcome => {
  switch (state) {
    case "erased":
    case "archived":
    case "completed":
      return "done";
    case "refused":
    case "withdrawn":
    case "failed":
      return state;
    case "received":
    case "verified":
    case "approved":
    case "scheduled":
    case "erasing":
    case "blocked":
    case "held":
      return "pending";
  }
};

/** What can name a data subject in a request, in a policy's `subject.identifiers`, and across stores. */
export const identifierKinds = ["key", "email", "phone", "external_id", "device_id"] as const;
export type IdentifierKind = (typeof identifierKinds)[number];

/** Normalised: NFC; e-mail lower case with an ASCII domain; phone E.164; the others trimmed. */
export type Identifier = { readonly kind: IdentifierKind; readonly value: string };

/** Grounds of Art. 17(1)(a)–(f) GDPR. */
export const grounds = ["a", "b", "c", "d", "e", "f"] as const;
export type Ground = (typeof grounds)[number];

/** A refusal that came `days` after the day by which the person had to be told of it (`due`), and the rule that says so. */
export type LateRefusal = { readonly due: string; readonly basis: string; readonly days: number };

/** What a request is for unless it says otherwise: the person wants to be forgotten. Policies may allow some purposes only. */
export const defaultPurpose = "delete-user";

/** Why a request is blocked, held or failed: places and counts, never values. Shown to people and written to reports. */
export type RequestDetail = {
  readonly store?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  readonly sqlstate?: string;
  readonly rows?: number;
  /** Other codes that apply as well. */
  readonly also?: readonly string[];
  /** What a person has to do. */
  readonly hint?: string;
  readonly matter?: string;
  /** Of the classes that hold rows of the request: the fewest rows, the fewest values, the largest distance. */
  /** For how many more people it waits, where it is for people, and what happens when the deadline comes. */
  readonly wait?: { readonly missing?: number | undefined; readonly then: Late };
  readonly measured?: { readonly k: number; readonly l?: number | undefined; readonly t?: number | undefined };
};

/** `k 2, l 1, t 0.48`. */
export const measuredText = (measured: NonNullable<RequestDetail["measured"]>): string =>
  Object.entries(measured)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");

/** Codes with which requests (not commands) stop; a policy's blockers add their own. */
export const requestCodes = [
  "SUBJECT_NOT_FOUND",
  "SUBJECT_AMBIGUOUS",
  "SUBJECT_HELD",
  "PLAN_CHANGED",
  "PLAN_MOVED",
  "CONSTRAINT_VIOLATED",
  "ROW_LOCKED",
  "STATEMENT_TIMEOUT",
  "SHARED_ROW",
  "RESIDUAL",
  "LEGAL_HOLD",
  "RESTORE_UNCERTAIN",
  "TOTALS_CHANGED",
  "RULE_UNDONE",
  "CLOCK_UNREADABLE",
  "SUM_UNREADABLE",
  "REACTIVATED",
  "MARK_UNREADABLE",
  "ANONYMITY_BELOW",
  "ATTACK_MATCHED",
] as const;

/** Reopened, because the person is or may be active again: an approval of many at once leaves them alone. */
export const reopeningCodes = ["REACTIVATED", "MARK_UNREADABLE"] as const;
export type ReopeningCode = (typeof reopeningCodes)[number];

/** Failures that the next night tries again by itself: nothing was wrong with the subject's data. */
export const passingCodes = [
  "ROW_LOCKED",
  "STATEMENT_TIMEOUT",
  "PLAN_MOVED",
  "ANONYMITY_BELOW",
  "ATTACK_MATCHED",
] as const;

/** The counts of the register, as `lethe run --json` prints them; `blocked` and `overdue` are part of `pending`. */
export type RequestCounts = {
  readonly received: number;
  readonly done: number;
  readonly refused: number;
  readonly withdrawn: number;
  readonly pending: number;
  readonly failed: number;
  readonly blocked: number;
  readonly overdue: number;
};
