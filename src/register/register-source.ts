import type { RegimeName } from "#records/controller.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { HoldKind, HoldReason } from "#records/hold.ts";
import type { RequestCounts, RequestOutcome, RequestState } from "#records/request.ts";
import type { TaskState } from "#records/task.ts";
import type { Outcome, Treatment } from "#records/treatment.ts";
import { block, type Block, type BlockOptions } from "#report/workbook-definition.ts";
import type { RuleRow } from "#register/rules.ts";

/** Days on which requests were received, ISO, both included; null: from the first on record, to the last. */
export type Period = { readonly from: string | null; readonly to: string | null };

/** The parts of the register that do not grow with the number of requests. */
export type RegisterHead = {
  /** ISO instant, and its day in the controller's time zone: by that day deadlines are told. */
  readonly readAt: string;
  readonly today: string;
  /** Name and version of the program. */
  readonly tool: string;
  readonly controller: {
    readonly name: string;
    readonly country: string;
    readonly dpo: string;
    readonly timeZone: string;
  };
  readonly period: Period;
  readonly counts: RequestCounts;
  /** How many of them have an entry in the ledger that says they were received. */
  readonly entered: number;
  readonly states: Readonly<Record<RequestState, number>>;
  readonly deadlines: Deadlines;
  /** The next days on which something is due, and the longest overdue: the first few of each. */
  readonly nextDue: readonly { readonly due: string; readonly requests: number; readonly daysLeft: number }[];
  readonly overdue: readonly Pick<OverdueRow, "ref" | "state" | "daysLate">[];
  /** By the due date or after it, of those that are done or refused. */
  readonly answered: { readonly inTime: number; readonly late: number };
  readonly records: Readonly<Record<"erased" | "anonymised" | "retained" | "spared", number>>;
  readonly decisions: Readonly<Record<DecisionKind, number>>;
  readonly refusals: readonly { readonly reason: string; readonly requests: number }[];
  readonly tasks: Readonly<Record<TaskState, number>>;
  readonly policies: readonly PolicyRow[];
  readonly ledger: LedgerFacts;
};

export type Deadlines = {
  readonly overdue: number;
  readonly within7: number;
  readonly within14: number;
  readonly within30: number;
  readonly later: number;
  /** Failed requests past their day: they count as failed, and the person waits all the same. */
  readonly failedLate: number;
  /** Receipts that were to be confirmed by now and are not. */
  readonly notConfirmed: number;
};

/** The ledger as it was in the snapshot: by its root the register is tied to the signed bundles. */
export type LedgerFacts = {
  readonly size: number;
  readonly root: string;
  /** The latest head that was signed; null before the first run. */
  readonly checkpoint: { readonly size: number; readonly root: string; readonly signedAt: string } | null;
};

export type RequestRow = {
  readonly ref: string;
  readonly state: RequestState;
  readonly outcome: RequestOutcome;
  readonly received: string;
  readonly due: string;
  readonly daysLeft: number | null;
  readonly basis: string;
  readonly regime: RegimeName;
  readonly ground: string | null;
  readonly purpose: string;
  readonly approved: string | null;
  readonly approvedBy: string | null;
  readonly plan: string | null;
  readonly reason: string | null;
  readonly code: string | null;
  readonly codeSince: string | null;
  readonly hint: string | null;
  readonly scheduledFor: string | null;
  /** `store: outcome`, of each store in which something was declared. */
  readonly outcomes: string | null;
  readonly erased: string | null;
  readonly backupsClearOn: string | null;
  readonly completed: string | null;
  readonly ended: string | null;
  readonly inTime: boolean | null;
  readonly repeats: number;
};

/** Everything that runs for a request, and what moved it. */
export type ClockRow = Pick<
  RequestRow,
  "ref" | "state" | "regime" | "received" | "basis" | "due" | "daysLeft" | "ended" | "inTime"
> & {
  readonly confirmBy: string | null;
  readonly confirmedOn: string | null;
  readonly asked: string | null;
  readonly proven: string | null;
  /** When it would be due if the days of the identity check did not count (A5). */
  readonly dueIfPaused: string | null;
  readonly extension: string | null;
  readonly noticed: string | null;
  /** The due date that the extension has moved. */
  readonly dueBefore: string | null;
};

export type OverdueRow = Pick<RequestRow, "ref" | "outcome" | "state" | "received" | "due" | "code" | "hint"> & {
  readonly daysLate: number;
};

/** What people decide about requests, and what takes their decision back. */
export const decisionKinds = [
  "request.verified",
  "request.approved",
  "request.reapproval",
  "request.refused",
  "request.withdrawn",
  "request.held",
  "request.released",
  "request.extended",
  "request.confirmed",
  "request.identity",
  "request.reopened",
] as const satisfies readonly LedgerEvent["kind"][];
export type DecisionKind = (typeof decisionKinds)[number];
export type DecisionEvent = Extract<LedgerEvent, { readonly kind: DecisionKind }>;

/** An entry of the ledger. `name` stands beside the digest of whoever decided, where the register knows whose that is. */
export type DecisionRow = {
  readonly entry: number;
  readonly at: string;
  readonly ref: string;
  readonly event: DecisionEvent;
  readonly name: string | null;
};

/** A legal hold on a person, by the request that is held. */
export type HoldRow = {
  readonly ref: string;
  readonly matter: string | null;
  readonly status: "held" | "released" | "refused" | "withdrawn";
  readonly since: string | null;
  readonly by: string | null;
  readonly ended: string | null;
  readonly endedBy: string | null;
  readonly days: number | null;
  readonly due: string;
};

/** A legal hold as it was placed: on rows of a store, on a person, or on a request's. */
export type MatterRow = {
  readonly hold: string;
  readonly matter: string;
  readonly reason: HoldReason;
  readonly kind: HoldKind;
  readonly ref: string | null;
  readonly store: string | null;
  readonly table: string | null;
  readonly repository: string | null;
  readonly backup: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly by: string;
  readonly placed: string;
  readonly until: string | null;
  readonly released: string | null;
  readonly releasedBy: string | null;
};

export type DispositionRow = {
  readonly ref: string;
  readonly store: string;
  readonly table: string;
  readonly treatment: Treatment;
  readonly rows: number;
  readonly spared: number;
  readonly basis: string | null;
  readonly first: string | null;
  readonly last: string | null;
  readonly exception: string | null;
  readonly restricted: boolean;
  readonly undated: number;
  readonly endedOn: string | null;
  readonly endedAs: "erase" | "anonymise" | null;
  readonly run: string;
};

export type StayRow = {
  readonly ref: string;
  readonly store: string;
  readonly outcome: Outcome | null;
  readonly table: string;
  readonly column: string;
  readonly rows: number;
  readonly why: string;
  readonly until: string | null;
};

/** By which name the recipient knows the record is in no row: it would lead to the person. */
export type TaskRow = {
  readonly task: number;
  readonly ref: string;
  readonly store: string;
  readonly recipient: string;
  readonly what: string;
  readonly state: TaskState;
  readonly recorded: string;
  readonly settled: string | null;
};

/** An encrypted copy of what was erased, as it was written: Lethe never deletes one. */
export type CopyRow = {
  readonly ref: string;
  readonly store: string;
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly rows: number;
  readonly keys: number;
  readonly at: string;
};

/** A policy by its digest: in force now, or as runs recorded it. */
export type PolicyRow = {
  readonly store: string;
  /** Null when the policy has changed since: then only its digest is known. */
  readonly name: string | null;
  readonly version: number | null;
  readonly effective: string | null;
  readonly owner: string | null;
  readonly digest: string;
  readonly inForce: boolean;
  /** The first and the last run that began with it; null where none has yet. */
  readonly first: string | null;
  readonly last: string | null;
};

/** One member of A11's equation: as the database counts it, as rows were written, as the ledger has it. */
export type ReconciliationRow = {
  readonly what: "received" | RequestOutcome;
  readonly counted: number;
  readonly written: number;
  /** Null but of what is received: nothing else is one entry a request. */
  readonly entered: number | null;
  readonly equal: boolean;
};

export type Fact = { readonly name: string; readonly value: string };

/**
 * What the sheets are made of: each call reads its rows again, from the same snapshot. `reconciliation` speaks of what `requests` has
 * handed out so far, so that its table comes after theirs.
 */
export type RegisterRows = {
  readonly requests: () => AsyncIterable<RequestRow>;
  readonly clocks: () => AsyncIterable<ClockRow>;
  readonly overdue: () => AsyncIterable<OverdueRow>;
  readonly decisions: () => AsyncIterable<DecisionRow>;
  readonly holds: () => AsyncIterable<HoldRow>;
  readonly matters: () => AsyncIterable<MatterRow>;
  readonly dispositions: () => AsyncIterable<DispositionRow>;
  readonly stays: () => AsyncIterable<StayRow>;
  readonly tasks: () => AsyncIterable<TaskRow>;
  readonly copies: () => AsyncIterable<CopyRow>;
  readonly rules: () => Iterable<RuleRow>;
  readonly policies: () => Iterable<PolicyRow>;
  readonly reconciliation: () => Iterable<ReconciliationRow>;
  readonly facts: () => Iterable<Fact>;
};

export type RegisterSource = { readonly head: RegisterHead; readonly rows: RegisterRows };

type RowOf<Name extends keyof RegisterRows> =
  ReturnType<RegisterRows[Name]> extends AsyncIterable<infer Row> | Iterable<infer Row> ? Row : never;

/** A table of the register. */
export const registerTable = <Name extends keyof RegisterRows>(
  name: Name,
  options: BlockOptions<RowOf<Name>>,
): Block<RegisterSource> =>
  block((source: RegisterSource) => source.rows[name]() as AsyncIterable<RowOf<Name>> | Iterable<RowOf<Name>>, options);
