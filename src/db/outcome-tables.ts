import type { Anonymity, LateTreatment, Measures } from "#records/anonymity.ts";
import type { Generated, JSONColumnType } from "kysely";
import type { ExceptionLetter } from "#records/exception.ts";
import type { SavedMark } from "#records/plan.ts";
import type { RequestDetail } from "#records/request.ts";
import type { TaskState } from "#records/task.ts";
import type { Outcome, Treatment } from "#records/treatment.ts";

/** The encrypted copy of a subject's rows that was finished before the batch was frozen: a file that is there as described. */
export type ExportTable = {
  request_id: number;
  store: string;
  /** Of the encrypted file, as are the bytes. */
  sha256: string;
  bytes: number;
  rows: number;
  /** SHA-256 of each public key that it was encrypted to, sorted. */
  recipients: string[];
  exported_at: string;
  run_id: string;
};

export type DispositionTable = {
  request_id: number;
  store: string;
  table_name: string;
  treatment: Treatment;
  rows: number;
  spared: number;
  basis: string | null;
  /** The events from which the retained rows' periods run. */
  clock_first: string | null;
  clock_last: string | null;
  until_first: string | null;
  until_last: string | null;
  run_id: string;
  /** Of Art. 17(3) GDPR, by which rows are retained. */
  exception: ExceptionLetter | null;
  /** Only the roles that the policy names may read the retained rows (Art. 18 GDPR). */
  restricted: Generated<boolean>;
  /** Of the retained rows those without a date: nobody can say when their period is over. */
  undated: Generated<number>;
  /** When their period was over and none of them was found any more, what had become of them, and in which run. */
  ended_on: Generated<string | null>;
  ended_as: Generated<"erase" | "anonymise" | null>;
  ended_run: Generated<string | null>;
};

/**
 * A store whose time of grace has begun for a request, and for which root row; until when all of them wait, `scheduled_for` of the
 * request says. `mark`: what that row says meanwhile. Deleted with the request's identifiers.
 */
export type GraceTable = {
  request_id: number;
  store: string;
  key: string;
  mark: JSONColumnType<SavedMark> | null;
  /** A restore has undone the mark: the row is marked again, and waits no longer for it. */
  lost: Generated<boolean>;
};

/** A store whose journal still knows what it did of a request before that was reopened. */
export type ReopenedTable = { request_id: number; store: string };

export type RemedyTable = {
  request_id: number;
  store: string;
  code: string;
  table_name: string;
  action: string;
  rows: number;
  run_id: string;
  batch_id: string;
};

/** Personal data that stays, on purpose. */
export type StayTable = {
  request_id: number;
  store: string;
  table_name: string;
  column_name: string;
  rows: number;
  why: string;
  clock_last: string | null;
  until: string | null;
  run_id: string;
  /** When its period was over and it was not found any more. */
  ended_on: Generated<string | null>;
};

export type OutcomeTable = { request_id: number; store: string; outcome: Outcome; run_id: string };

/** Decimal text, over the whole table, before and after one batch. */
export type FigureTable = {
  run_id: string;
  batch_id: string;
  store: string;
  figure: string;
  before: string;
  after: string;
  /** Where the policy lists it. */
  position: number;
  /** In the order of the batches. */
  id: Generated<number>;
};

/** What a recipient has to do. `reference` names the record there; null once the task is settled (I8). */
export type TaskTable = {
  id: Generated<number>;
  request_id: number;
  store: string;
  recipient: string;
  task: string;
  reference: string | null;
  state: TaskState;
  recorded_at: string;
  settled_at: string | null;
  run_id: string;
};

/** What batches measured, until it is decided what the report of their run tells of it. */
export type ConservedTable = {
  run_id: string;
  batch_id: string;
  store: string;
  table_name: string;
  measure: string;
  period: string;
  before: string;
  after: string;
  /** And as many values that cannot be added up. */
  equal: boolean;
  /** Rows went, or were emptied, because a deadline had come: they need not be equal. */
  late: Generated<boolean>;
  /** How many requests' rows it is made of, and how many those have to be before a report tells it. */
  people: number;
  threshold: number;
  /** The values by which it is divided beside the period. */
  dimensions: JSONColumnType<Readonly<Record<string, string | null>>>;
};

/** What is withheld of a period is one row, without dimensions unless it has none. */
export type ConservedToldTable = Pick<
  ConservedTable,
  "run_id" | "store" | "table_name" | "measure" | "period" | "equal"
> & {
  dimensions: JSONColumnType<Readonly<Record<string, string | null>>> | null;
  withheld: boolean;
  /** Null where they are withheld; sums over so many batches. */
  before: string | null;
  after: string | null;
  batches: number | null;
  /** Where it is not equal: a deadline is the reason. */
  late: boolean;
};

/** Who would be recognised tonight so far: tried together once the rest of the night is done. Empty between nights. */
export type GatheredTable = {
  request_id: number;
  store: string;
  round: number;
  class: number;
  code: string;
  detail: JSONColumnType<RequestDetail>;
};

/** Whose deadline came before enough others did, and what was done with their rows instead of what the rule says. */
export type LateTable = {
  request_id: number;
  store: string;
  table_name: string;
  late: LateTreatment;
  rows: number;
  run_id: string;
};

export type AnonymityTable = {
  run_id: string;
  store: string;
  table_name: string;
  quasi: JSONColumnType<string[]>;
  threshold: number;
  k: number;
  classes: number;
  rows: number;
  below: number;
  measured_at: string;
  more: JSONColumnType<AnonymityMore>;
};

export type AnonymityMore = Pick<
  Anonymity,
  | "nameless"
  | "unique"
  | "sizes"
  | "sensitive"
  | "least"
  | "most"
  | "known"
  | "attacks"
  | "stays"
  | "unmeasured"
  | "notCompared"
  | "reasons"
>;

/** The same tables before the first batch of the run. */
export type AnonymityBeforeTable = {
  run_id: string;
  store: string;
  table_name: string;
  measures: JSONColumnType<Measures> | null;
  /** Why it was not measured. */
  missed: "timeout" | null;
  /** The run in which it was, where that one died before it measured again: what it changed is between the two measures. */
  measured_in: string | null;
};

export type ResidualTable = {
  run_id: string;
  request_id: number;
  store: string;
  table_name: string;
  column_name: string;
  rows: number;
};

/** Under which class the rows of a table were retained when a night last looked: what it says otherwise now is a new version. */
export type RetentionTable = {
  store: string;
  table_name: string;
  class: string;
  basis: string;
  period: string;
  anchor: string;
  year_begins: string;
  since: string;
  exception: ExceptionLetter;
};

/** Rows that expired, whoever they were about, in one transaction. */
export type ExpiryTable = {
  id: string;
  run_id: string;
  store: string;
  table_name: string;
  treatment: "erase" | "anonymise";
  /** Of a retention class; null where the table has a period of its own. */
  class: string | null;
  basis: string;
  /** Rows up to this day were due. */
  through: string;
  rows: number;
  clock_first: string;
  clock_last: string;
};

/** What a search after the change found: rows that are due and still there, and rows without a clock. */
export type ExpiryRestTable = {
  run_id: string;
  store: string;
  table_name: string;
  due: number;
  without_clock: number;
  /** An index finds old rows. */
  indexed: boolean;
  /** Statements that make one, where there is none and the table is large. */
  proposal: string[];
};
