import type { Transform } from "#policy/policy.ts";

/** A column whose values nobody should learn of a person who is found in a class. */
export type Sensitive = {
  readonly column: string;
  /** Numbers and times lie in an order: between 1 and 2 is less than between 1 and 9. Categories are equal or different. */
  readonly ordered: boolean;
};

/** To whose beginning a date or time can be cut, as PostgreSQL's `date_trunc` calls them. */
export const timeUnits = ["day", "week", "month", "quarter", "year"] as const;
export type TimeUnit = (typeof timeUnits)[number];

/** Whether what is cut to `unit` stays in the `period` that it was in: a week may lie in two months. */
export const isWithin = (unit: TimeUnit, period: TimeUnit): boolean =>
  unit === period ||
  (unit !== "week" && period !== "week" ? timeUnits.indexOf(unit) < timeUnits.indexOf(period) : unit === "day");

/** What an anonymised table has to reach before a batch may commit: in the classes of its quasi-identifiers that hold rows of the batch. */
export type Gate = {
  readonly quasi: readonly string[];
  /** Rows of the whole table in each class, at least. */
  readonly k: number;
  readonly sensitive: readonly Sensitive[];
  /** Distinct values of each sensitive column in each class, at least. */
  readonly l: number | undefined;
  /** Distance of each sensitive column in each class from the whole table, at most: 0 to 1. */
  readonly t: number | undefined;
};

/** A column by which rows could be joined to records of people, and what a rule makes of it. */
export type AttackKey = {
  readonly column: string;
  readonly type: string;
  readonly transform: Transform;
  /** Column of the records. */
  readonly other: string;
  readonly otherType: string;
};

/** Records that somebody may have beside an anonymised table: nobody may be recognised by them (requirement D1). */
export type Attack = {
  readonly knows: string;
  readonly keys: readonly AttackKey[];
  /** Columns of the records, the first that is not empty telling people apart; none: each record is of somebody else. */
  readonly whose: readonly string[];
  /** What tells the records of people who are erased. */
  readonly treated: readonly { readonly name: string; readonly transform: Transform }[];
};

/** Rows of a table that are said to be nobody's, by how many people fit them. */
export type AttackResult = {
  /** The table of the records. */
  readonly knows: string;
  /** `exact`: to the day and the cent; `banded`: to the month and two digits. */
  readonly precision: "exact" | "banded";
  readonly rows: number;
  readonly nobody: number;
  /** One person alone fits them: they are recognised. */
  readonly one: number;
  /** Two or more, but fewer than k. */
  readonly few: number;
  readonly many: number;
};
