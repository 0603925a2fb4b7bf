import type { ExceptionLetter } from "#records/exception.ts";

/** What a policy does with the rows of a table. */
export const treatments = ["erase", "anonymise", "retain", "keep"] as const;
export type Treatment = (typeof treatments)[number];

/**
 * What became of the records of one subject in one table. `rows` were changed (erase, anonymise) or kept (retain);
 * `spared` rows are also used by a live subject and were left whole (I5).
 */
export type Disposition = {
  readonly store: string;
  readonly table: string;
  readonly treatment: Treatment;
  readonly rows: number;
  readonly spared: number;
  /** The citation under which rows are retained. */
  readonly basis?: string | undefined;
  /** First and last day on which retained rows become erasable, ISO dates. */
  readonly until?: { readonly first: string; readonly last: string } | undefined;
  /** The exception of Art. 17(3) GDPR by which rows are retained, as it was when they were. */
  readonly exception?: ExceptionLetter | undefined;
  /** Only the database roles that the policy names may read the retained rows from then on (Art. 18 GDPR). */
  readonly restricted?: boolean | undefined;
};

/** Retained rows of one subject in one table whose period was over, and of which a search found none any more. */
export type Ended = Pick<Disposition, "store" | "table" | "rows" | "basis"> & {
  readonly as: "erase" | "anonymise";
  /** ISO date: the first day on which the last of them was erasable. */
  readonly until: string;
};

/** What has become of a person in a store: never a boolean, for what stays is part of the answer. */
export const outcomes = [
  "erased",
  "anonymised",
  "retained",
  "archived_with_pii",
  "scheduled",
  "blocked",
  "failed",
] as const;
export type Outcome = (typeof outcomes)[number];

/** Personal data that stays in one column of one table: how many of the subject's rows, why, and until when at the latest. */
export type StayingData = {
  readonly store: string;
  readonly table: string;
  readonly column: string;
  readonly rows: number;
  readonly why: string;
  /** ISO date; null when no date is set. */
  readonly until: string | null;
};

/** What was done about rows that would have stopped a request. */
export type Remedied = {
  readonly store: string;
  readonly code: string;
  readonly table: string;
  readonly action: string;
  readonly rows: number;
};

/**
 * The outcome of one store, from what was recorded there. Personal data outside records that a statute holds weighs most, then records
 * that stay for their period, then rows that stay without the person.
 */
export const outcomeIn = (
  dispositions: readonly Pick<Disposition, "table" | "treatment" | "rows">[],
  stays: readonly Pick<StayingData, "table">[],
): Outcome => {
  const retained = new Set(dispositions.filter(({ treatment }) => treatment === "retain").map(({ table }) => table));
  if (stays.some(({ table }) => !retained.has(table))) return "archived_with_pii";
  const any = (wanted: Treatment): boolean =>
    dispositions.some(({ treatment, rows }) => treatment === wanted && rows > 0);
  if (any("retain")) return "retained";
  return any("anonymise") ? "anonymised" : "erased";
};

/** Personal data found after erasure: the place and how many rows, never the value. */
export type Residual = {
  readonly request: string;
  readonly store: string;
  readonly table: string;
  readonly column: string;
  readonly rows: number;
};
