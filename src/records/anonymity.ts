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

/**
 * What becomes of rows in which somebody would still be recognised in the last night before the deadline of their request (requirement D6): they
 * wait on, and the request is late; what tells them apart is emptied; or they go.
 */
export const lates = ["wait", "suppress", "erase"] as const;
export type Late = (typeof lates)[number];
/** What is done then. */
export type LateTreatment = Exclude<Late, "wait">;

/**
 * Among whom somebody is hidden: all rows of the table, which is what whoever gets it without its names sees (requirement D3); or the nameless ones,
 * which is what is left to whoever knows whose the others are, since they see them in the table, or what has changed in it (D6).
 */
export const anonymitySets = ["everybody", "nameless"] as const;
export type AnonymitySet = (typeof anonymitySets)[number];

/** The k of whoever names none. */
export const usualK = 5;

/** What an anonymised table has to reach before a batch may commit: in the classes of its quasi-identifiers that hold rows of the batch. */
export type Gate = {
  readonly quasi: readonly string[];
  /** Rows of the whole table in each class, at least, and people, as far as rows say whose they are. */
  readonly k: number;
  /** Whether only nameless rows count. */
  readonly nameless: boolean;
  /** What tells nameless rows: of them each is taken for somebody else's. */
  readonly treated: readonly Treated[];
  /** The columns that say whose a row is; none: each is somebody else's. */
  readonly whose: readonly string[];
  readonly sensitive: readonly Sensitive[];
  /** Distinct values of each sensitive column in each class, at least. */
  readonly l: number | undefined;
  /** Distance of each sensitive column in each class from the whole table, at most: 0 to 1. */
  readonly t: number | undefined;
};

/** A column and what a rule makes of it; the type, where it is known. */
export type Treated = { readonly name: string; readonly transform: Transform; readonly type?: string | undefined };

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
  readonly treated: readonly Treated[];
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

/** Why what was measured is de-identified only, and not anonymous. */
export const reasons = [
  "small-classes",
  "few-values",
  "far-values",
  "matched",
  "known-rows",
  "stays",
  "unmeasured-columns",
  "not-compared",
  "in-backups",
  "backups-unknown",
  "in-exports",
] as const;
export type Reason = (typeof reasons)[number];

/** How well people are hidden in a sensitive column: see `measure`. */
export type SensitiveMeasures = Sensitive & {
  /** Distinct values in the table. */
  readonly values: number;
  /** Distinct l-diversity: the fewest distinct values in a class (Machanavajjhala et al., 2007). */
  readonly l: number;
  /** Entropy l-diversity: e to the power of the smallest entropy of a class, so that it compares with `l`; never more than it. */
  readonly entropyL: number;
  /**
   * t-closeness: the largest distance between the values in a class and in the table, 0 to 1. Of categories half the sum of the
   * differences (total variation), of ordered values the earth mover's distance (Li et al., 2007).
   */
  readonly t: number;
};

/** Classes of as many rows as from `from` to `to`. */
export type SizeBand = { readonly from: number; readonly to: number; readonly classes: number; readonly rows: number };

/** A whole table as it was measured. */
export type Measures = {
  readonly rows: number;
  /** Sets of rows that are equal in all quasi-identifiers; NULLs are equal. */
  readonly classes: number;
  /** k-anonymity: the rows of the smallest class (Sweeney, 2002); 0 of an empty table. */
  readonly k: number;
  /** Rows that are alone in their class. */
  readonly unique: number;
  /** Rows in classes smaller than what is asked. */
  readonly below: number;
  /** How large classes are, in bands that double: 1, 2 to 3, 4 to 7. Empty bands are left out. */
  readonly sizes: readonly SizeBand[];
  readonly sensitive: readonly SensitiveMeasures[];
};

/** An anonymised table after the commit, by the policy's thresholds. */
export type Anonymity = Measures & {
  readonly store: string;
  readonly table: string;
  readonly quasi: readonly string[];
  /** k, l and t as the policy asks; null: it asks for none. */
  readonly threshold: number;
  readonly least: number | null;
  readonly most: number | null;
  /** The same of the nameless rows alone, where the policy has people hidden among them; null where all rows count. */
  readonly nameless: Pick<Measures, "rows" | "classes" | "k" | "below"> | null;
  /** Rows of people who are known: not as the rule leaves rows. */
  readonly known: number;
  readonly attacks: readonly AttackResult[];
  /** Columns with personal data that stays in the rows on purpose. */
  readonly stays: readonly string[];
  /** Columns that say something of each row, and of which no measure says anything: in neither `quasi` nor `sensitive`. */
  readonly unmeasured: readonly string[];
  readonly notCompared: readonly string[];
  readonly reasons: readonly Reason[];
  readonly measuredAt: string;
};
