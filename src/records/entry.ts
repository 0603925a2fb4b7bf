import type { Anonymity, LateTreatment } from "#records/anonymity.ts";
import type { Disposition, Ended, Outcome, Remedied, Residual, StayingData } from "#records/treatment.ts";
import type { DecidedException, ExceptionLetter } from "#records/exception.ts";
import type { HoldReason } from "#records/hold.ts";
import type { SettledState } from "#records/task.ts";
import type { LateRefusal, RequestCounts, RequestDetail } from "#records/request.ts";

/**
 * What the ledger says happened: one entry a change of state, as canonical JSON, without personal data (I8).
 * Requests are named by their random reference; people who decide, by a keyed digest (`approver`).
 */
export type LedgerEvent =
  | { kind: "run.started"; job: string; tool: string; policies: Readonly<Record<string, string>> }
  | { kind: "run.finished"; outcome: RunOutcome; requests: RequestCounts }
  | {
      kind: "request.received";
      request: string;
      received: string;
      due: string;
      basis: string;
      source: string;
      purpose: string;
    }
  | { kind: "request.repeated"; request: string; received: string }
  | { kind: "request.verified"; request: string; by: string }
  /** What the approvals that name this digest leave in place. */
  | { kind: "exceptions.listed"; digest: string; exceptions: readonly DecidedException[] }
  | {
      kind: "request.approved";
      request: string;
      by: string;
      plan: string;
      ground?: string | undefined;
      exceptions: string;
    }
  | { kind: "request.confirmed"; request: string; on: string; by: string }
  | { kind: "request.identity"; request: string; step: "asked" | "proven"; on: string; by: string }
  | {
      kind: "request.extended";
      request: string;
      due: string;
      basis: string;
      reason: string;
      noticed: string;
      by: string;
    }
  /** `exception`: of Art. 17(3) GDPR, with the provision that it rests on. */
  | {
      kind: "request.refused";
      request: string;
      by: string;
      reason: string;
      exception?: ExceptionLetter | undefined;
      citation?: string | undefined;
      late?: LateRefusal | undefined;
    }
  | { kind: "request.withdrawn"; request: string; by: string }
  | { kind: "request.held"; request: string; by: string; matter: string }
  /** `by`: null where its hold ended by itself. */
  | { kind: "request.released"; request: string; by: string | null }
  | ({
      kind: "hold.placed";
      hold: string;
      matter: string;
      reason: HoldReason;
      until: string | null;
      by: string;
    } & (
      | { of: "request"; request: string }
      | { of: "subject" }
      | { of: "rows"; store: string; table: string; clock: string | null; from: string | null; to: string | null }
      | { of: "backups"; repository: string; backup: string | null; from: string | null; to: string | null }
    ))
  /** `by`: null of one that ended by itself. */
  | { kind: "hold.released"; hold: string; matter: string; by: string | null; request?: string }
  | { kind: "request.blocked"; request: string; code: string; detail: RequestDetail }
  | { kind: "request.unblocked"; request: string }
  | { kind: "request.reapproval"; request: string; code: string }
  | { kind: "request.exported"; request: string; store: string; sha256: string; bytes: number; rows: number }
  | { kind: "request.erasing"; request: string; store: string; plan: string }
  | { kind: "request.undone"; request: string }
  /** The deadline came before enough others did: what was done with its rows instead of what their rule says. */
  | { kind: "request.late"; request: string; store: string; table: string; late: LateTreatment; rows: number }
  | { kind: "request.scheduled"; request: string; store: string; for: string }
  | { kind: "request.reopened"; request: string; store: string; code: string }
  | ({ kind: "request.erased"; request: string; clear: string | null } & Done)
  | ({ kind: "request.archived"; request: string } & Done)
  | { kind: "task.recorded"; request: string; store: string; recipient: string; task: string; tasks: number }
  | { kind: "task.settled"; request: string; recipient: string; task: string; state: SettledState; by: string }
  | { kind: "request.failed"; request: string; code: string; detail: RequestDetail; residuals?: readonly Residual[] }
  | { kind: "request.completed"; request: string }
  | { kind: "plan.frozen"; plan: string; shape: string; store: string; requests: number }
  | { kind: "batch.committed"; batch: string; plan: string; store: string; requests: number; rows: number }
  | {
      kind: "analytics.conserved";
      /** `why`: where they are not equal because a deadline came before enough people did. */
      totals: readonly { store: string; table: string; measure: string; equal: boolean; why?: "deadline" }[];
    }
  | { kind: "analytics.measured"; anonymity: Anonymity }
  | { kind: "backup.purged"; repository: string; name: string; sha256: string; bytes: number; taken: string }
  | { kind: "backup.exception"; repository: string; name: string; code: string; breach: string | null }
  /** Nothing is left where it was, as somebody says: it is in another place, or gone. */
  | { kind: "backup.moved"; repository: string; to: "another place" | "nowhere"; sets: number; by: string }
  /**
   * `verified`: the newest set that was read to its end this night and can be restored from. `log`: from when to when archives of the write-ahead log
   * go, which hold what was written then.
   */
  | {
      kind: "backup.inventory";
      repository: string;
      digest: string;
      sets: number;
      bytes: number;
      oldest: string | null;
      log: { readonly since: string; readonly until: string } | null;
      verified: { readonly name: string; readonly sha256: string } | null;
    }
  /** Restored into a server of its own, and cleaned there of whoever was erased since. `seconds`: null of what did not come about. */
  | {
      kind: "backup.drilled";
      repository: string;
      store: string;
      backup: { readonly name: string; readonly sha256: string } | null;
      outcome: "clean" | "waiting" | "failed";
      code: string | null;
      seconds: { readonly restored: number | null; readonly replayed: number | null };
      repeated: number;
      waiting: number;
    }
  | { kind: "suppression.destroyed"; store: string; entries: number }
  | { kind: "expiry.planned"; plan: string; store: string; tables: number }
  | {
      kind: "records.expired";
      plan: string;
      store: string;
      table: string;
      treatment: string;
      class: string | null;
      basis: string;
      through: string;
      rows: number;
      first: string;
      last: string;
    }
  /** `complete`: nothing of the person is retained any more. */
  | { kind: "retention.ended"; request: string; records: readonly Ended[]; complete: boolean }
  | { kind: "retention.revised"; store: string; table: string; was: RetentionRule; is: RetentionRule; requests: number }
  | { kind: "store.restored"; store: string; asOf: string; batches: number }
  | { kind: "request.repeats"; request: string; store: string; certain: boolean }
  | { kind: "store.released"; store: string; asOf: string; repeated: number; refused: number };

/** How long rows are retained, by what, counted from when, and by which exception of Art. 17(3) GDPR. `yearBegins`: of the controller's fiscal year, `MM-DD`. */
export type RetentionRule = {
  readonly class: string;
  readonly basis: string;
  readonly period: string;
  readonly anchor: string;
  readonly yearBegins: string;
  readonly exception: ExceptionLetter;
};

/** What became of a subject's records, what was done about rows of others, and what stays. */
export type Done = {
  readonly outcomes: Readonly<Record<string, Outcome>>;
  readonly dispositions: readonly Disposition[];
  readonly remedied: readonly Remedied[];
  readonly stays: readonly StayingData[];
};

export type RunOutcome = "done" | "attention" | "failed" | "stopped";

/** An entry as it is hashed: the event, when, and in which run (null outside one). `body` is canonical JSON. */
export type LedgerEntry = { readonly index: number; readonly body: string };
