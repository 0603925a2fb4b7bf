import type { Generated, JSONColumnType } from "kysely";
import type { BackupSetTable, DrillTable } from "#db/backup-tables.ts";
import type {
  AnonymityBeforeTable,
  AnonymityTable,
  ConservedTable,
  ConservedToldTable,
  DispositionTable,
  ExpiryRestTable,
  ExpiryTable,
  ExportTable,
  FigureTable,
  GatheredTable,
  GraceTable,
  LateTable,
  OutcomeTable,
  RemedyTable,
  ReopenedTable,
  ResidualTable,
  RetentionTable,
  StayTable,
  TaskTable,
} from "#db/outcome-tables.ts";
import type { BatchTable, ColumnBatchTable, PlanTable } from "#db/batch-tables.ts";
import type { HoldIdentifierTable, HoldSubjectTable, HoldTable } from "#db/hold-tables.ts";
import type { RegimeName } from "#records/controller.ts";
import type { ExceptionLetter } from "#records/exception.ts";
import type { SavedMark } from "#records/plan.ts";
import type { IdentifierKind, LateRefusal, RequestDetail, RequestState } from "#records/request.ts";

/**
 * Lethe's own database (schema `lethe`): requests, plans, ledger, inventories. It lives apart from the stores, so that
 * restoring a store never rolls it back (B3). Dates are ISO strings, `timestamptz` are ISO strings in UTC, 64-bit
 * numbers are JavaScript numbers (the pool's parsers see to it; they throw past 2^53).
 */
export type StateDb = {
  "lethe.run": RunTable;
  "lethe.import_file": ImportFileTable;
  "lethe.import_row": ImportRowTable;
  "lethe.restore": RestoreTable;
  "lethe.restore_entry": RestoreEntryTable;
  "lethe.store_marker": StoreMarkerTable;
  "lethe.remembered": RememberedTable;
  "lethe.exception_list": ExceptionListTable;
  "lethe.request": RequestTable;
  "lethe.request_identifier": RequestIdentifierTable;
  "lethe.subject": SubjectTable;
  "lethe.subject_identifier": SubjectIdentifierTable;
  "lethe.plan": PlanTable;
  "lethe.batch": BatchTable;
  "lethe.column_batch": ColumnBatchTable;
  "lethe.export": ExportTable;
  "lethe.disposition": DispositionTable;
  /** A view: the same over all nights. */
  "lethe.disposed": Omit<DispositionTable, "run_id" | "ended_run">;
  "lethe.retention": RetentionTable;
  "lethe.grace": GraceTable;
  "lethe.reopened": ReopenedTable;
  "lethe.remedy": RemedyTable;
  "lethe.stay": StayTable;
  "lethe.outcome": OutcomeTable;
  "lethe.figure": FigureTable;
  "lethe.task": TaskTable;
  "lethe.conserved": ConservedTable;
  "lethe.conserved_told": ConservedToldTable;
  "lethe.gathered": GatheredTable;
  "lethe.late": LateTable;
  "lethe.anonymity": AnonymityTable;
  "lethe.anonymity_before": AnonymityBeforeTable;
  "lethe.residual": ResidualTable;
  "lethe.expiry": ExpiryTable;
  "lethe.expiry_rest": ExpiryRestTable;
  "lethe.hold": HoldTable;
  "lethe.hold_identifier": HoldIdentifierTable;
  "lethe.hold_subject": HoldSubjectTable;
  "lethe.suppression": SuppressionTable;
  "lethe.forgotten": ForgottenTable;
  "lethe.backup_set": BackupSetTable;
  "lethe.drill": DrillTable;
  "lethe.ledger_entry": LedgerEntryTable;
  "lethe.ledger_head": LedgerHeadTable;
  "lethe.checkpoint": CheckpointTable;
  "lethe.job_state": JobStateTable;
};

export type RunTable = {
  id: string;
  job: string;
  started_at: string;
  ended_at: string | null;
  /** `done | attention | failed | stopped`, null while it runs or when it died. */
  outcome: string | null;
  /** Index of the first ledger entry of the run; the entries before it belong to intake or earlier runs. */
  ledger_from: number;
  bundle: string | null;
};

/** A file that was imported, by the SHA-256 of its bytes: its name may name a person, so it is not kept. */
export type ImportFileTable = { digest: string; imported_at: string; finished_at: string | null };

export type ImportRowTable = {
  file_digest: string;
  /** 1-based record number below the header. */
  row_number: number;
  outcome: "accepted" | "repeated" | "rejected";
  request_id: number | null;
  code: string | null;
};

/** A store that was restored to an earlier time. It may serve again once it is released; one restore of a store is open at a time. */
export type RestoreTable = {
  id: Generated<number>;
  store: string;
  /** The recovery target time. */
  as_of: string;
  noticed_at: string;
  /** How many batches that had committed in the store it undid. */
  batches: number;
  /** The store has no journal that could tell to what time it was taken back. */
  blank: Generated<boolean>;
  /** When the first was done that the journal does not know any more; null where it cannot tell. */
  undone_since: string | null;
  /** Counts up when the store is restored once more meanwhile. */
  notice: Generated<number>;
  /** How often everybody was looked for since. */
  scans: Generated<number>;
  /** When everybody was recognised whose erasure it undid; null while that goes on. */
  scanned_at: string | null;
  released_at: string | null;
  /** What became of the requests that repeated what it undid. */
  repeated: number | null;
  refused: number | null;
};

/** Whom a restore has brought back, by a keyed hash of the row's key: so that nobody is entered twice. Deleted with the release. */
export type RestoreEntryTable = {
  request_id: number;
  restore_id: number;
  notice: number;
  mac: Buffer;
  certain: boolean;
};

/** The latest marker that was written into a store. */
export type StoreMarkerTable = { store: string; id: string; written_at: string };

/** Since when it is kept in a store by what erased people are recognised. */
export type RememberedTable = { store: string; since: string };

/** What approvals leave in place by Art. 17(3) GDPR: thousands of them name the same list. `body`: the canonical JSON that `digest` is of. */
export type ExceptionListTable = { digest: string; body: string; listed_at: string };

export type RequestTable = {
  id: Generated<number>;
  ref: string;
  state: RequestState;
  /** The state to go back to when a hold is released. */
  held_from: RequestState | null;
  /** The code that it had in that state, since when, and its detail. */
  held_with: JSONColumnType<{ code: string; since: string; detail: RequestDetail | null }> | null;
  received_on: string;
  due_on: string;
  /** The rule that the due date follows, e.g. `GDPR Art. 12(3)`. */
  due_basis: string;
  regime: Generated<RegimeName>;
  /** By when receipt has to be confirmed, where the law asks for it; when it was. */
  confirm_on: string | null;
  confirmed_on: string | null;
  /** Why the time was extended, and when the person was told. */
  extended: string | null;
  extension_noticed_on: string | null;
  /** When the person was asked to prove who they are, and when they did. */
  identity_asked_on: string | null;
  identity_proven_on: string | null;
  ground: string | null;
  /** What the request is for; a policy may allow some purposes only. */
  purpose: Generated<string>;
  created_at: string;
  /** Latest change of state. */
  changed_at: string;
  approved_by: string | null;
  approved_at: string | null;
  /** The hash of the plan that was shown to the approver, and of its shape (rules without row sets). */
  approved_plan: string | null;
  approved_shape: string | null;
  reason: string | null;
  code: string | null;
  code_since: string | null;
  /** Since when it waits for company: every night tries again, which ends every other reason. */
  waiting_since: string | null;
  detail: JSONColumnType<RequestDetail> | null;
  /** How often the person asked again. */
  repeats: Generated<number>;
  /** When its time of grace is over; null where the policies know none, or it has not begun. */
  scheduled_for: string | null;
  erased_at: string | null;
  completed_at: string | null;
  /** The day by which every backup that can hold the subject has passed its retention. */
  backups_clear_on: string | null;
  /** The run that worked on it last. */
  run_id: string | null;
  /** The restore that undid the erasure which it repeats, in that store alone; null for what people ask for, and once the store is released. */
  restore_id: Generated<number | null>;
  /** What its approval leaves in place, by the digest of the list; null before there was one. */
  exceptions: string | null;
  /** The exception of Art. 17(3) GDPR on which it was refused, and the provision that this rests on. */
  refusal_exception: ExceptionLetter | null;
  refusal_citation: string | null;
  /** Null where it was refused in time. */
  refusal_late: JSONColumnType<LateRefusal> | null;
};

/** As requested, normalised. Deleted when the request is erased, refused or withdrawn (I8). */
export type RequestIdentifierTable = {
  request_id: number;
  kind: IdentifierKind;
  value: string;
  /** The request was reopened: whom it means is known, and by this nobody is looked up any more. It is still searched for. */
  settled: Generated<boolean>;
};

/** Where a subject was found: the primary key of the root row as text. `key` is null in a store that holds no root row. */
export type SubjectTable = {
  request_id: number;
  store: string;
  key: string | null;
  /** `located | executed | absent` */
  state: "located" | "executed" | "absent";
  batch_id: string | null;
  /** What its row says for as long as nobody activates it again; null where the row says nothing, or cannot come back. */
  mark: JSONColumnType<SavedMark> | null;
  /** The request that was executed first, where the same person has several: what was done is on record there, if nothing was left here. */
  same_as: number | null;
};

/** Read from the root row before anything changed: what must not be found again. Deleted with the request's identifiers. */
export type SubjectIdentifierTable = {
  request_id: number;
  store: string;
  kind: string;
  value: string;
  /** Somebody else's root row in that store bears it as well, or may: nobody is looked up by it in the other stores. */
  shared: Generated<boolean>;
};

/** B5: a keyed hash, the key's id, its scope (store, moment and batch of the erasure), expiry; nothing else. */
export type SuppressionTable = {
  mac: Buffer;
  key_id: string;
  store: string;
  erased_at: string;
  /** Which the store's journal knows, unless a restore undid it; null where the request changed nothing in the store. */
  batch_id: string | null;
  expires_on: string;
};

/** The latest erasure among the suppression entries that were destroyed: who was erased up to then is not recognised any more. */
export type ForgottenTable = { store: string; erased_at: string };

export type LedgerEntryTable = {
  index: number;
  kind: string;
  run_id: string | null;
  request_ref: string | null;
  /** Canonical JSON, the exact bytes that are hashed. */
  body: string;
};

/** One row: the compact range of the tree, so that appending never reads old entries. */
export type LedgerHeadTable = { only: boolean; size: number; root: Buffer; frontier: Buffer[]; last_at: string };

/** `frontier`: the compact range at that size, from which the entries that follow lead to any later root. */
export type CheckpointTable = {
  size: number;
  root: Buffer;
  frontier: Buffer[];
  note: string;
  signed_at: string;
  run_id: string | null;
};

export type JobStateTable = { job: string; last_due_at: string | null; last_ended_at: string | null };
