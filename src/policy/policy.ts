import type { Place } from "#lib/errors.ts";
import type { Law } from "#policy/law.ts";
import type { Anchor } from "#policy/retention.ts";
import type { ExceptionLetter } from "#records/exception.ts";
import type { AnonymitySet, Late, TimeUnit } from "#records/anonymity.ts";
import type { IdentifierKind } from "#records/request.ts";
import type { Transform } from "#policy/transform.ts";

export type { Transform } from "#policy/transform.ts";

/**
 * A policy after parsing: what a data protection officer and an engineer agreed on for one store. Nothing behind the
 * parser sees YAML. Tables are named `table` (schema `public`) or `schema.table`.
 */
export type Policy = {
  readonly name: string;
  readonly version: number;
  /** ISO date. */
  readonly effective: string;
  readonly owner: string;
  readonly deletion: Deletion;
  /** What a request may be for; undefined: anything. */
  readonly purposes: readonly string[] | undefined;
  readonly subject: SubjectRoot;
  readonly links: readonly Link[];
  readonly classes: Readonly<Record<string, RetentionClass>>;
  readonly tables: Readonly<Record<string, TableRule>>;
  readonly blockers: readonly Blocker[];
  /** Those whose option is set, each with its place among all that are written. */
  readonly recipients: readonly (Recipient & { readonly index: number })[];
  readonly figures: readonly Figure[];
  readonly examples: readonly Example[];
  /** By whose clocks a moment is of a day: the controller's (IANA name). */
  readonly timeZone: string;
  /** How long the law of the controller's country keeps accounting records, where we know it. */
  readonly statute: Law | undefined;
  /** SHA-256 over the canonical JSON of the document: goes into every plan, entry and report. */
  readonly digest: string;
  readonly file: string;
  /** Where something stands in the file, by its path of keys; the nearest enclosing place when it has none itself. */
  readonly placeOf: (path: readonly (string | number)[]) => Place;
  /** The same policy with some of its options set otherwise. */
  readonly withOptions: (options: Readonly<Record<string, boolean>>) => Policy;
};

export const deletionModes = ["hard", "scheduled", "soft", "soft-then-hard", "archive"] as const;

/** What "delete" means in a store. */
export type Deletion = {
  readonly mode: (typeof deletionModes)[number];
  /** ISO 8601 duration in which the request waits and can be withdrawn: `scheduled`, `soft-then-hard`. */
  readonly grace: string | undefined;
  /** What the root row says from then on: `soft`, `soft-then-hard`, `archive`. */
  readonly mark: Mark | undefined;
};

export type Mark = {
  readonly set: Readonly<Record<string, Transform>>;
  /** Views that must not show the subject afterwards. */
  readonly hiddenFrom: readonly string[];
  /** Tables that take no new row for the subject. */
  readonly refuse: readonly string[];
};

export type SubjectRoot = {
  readonly table: string;
  /** The primary key: one column. */
  readonly key: string;
  /** Of a store of ClickHouse: the store whose rows have the same key. */
  readonly keyOf?: string | undefined;
  /** Columns of the root row that name the person across stores; searched for after erasure. */
  readonly identifiers: Readonly<Partial<Record<Exclude<IdentifierKind, "key">, string>>>;
  /**
   * Columns of the root row that name the person inside their own rows only ("Julia Winter" in a ticket): `redact`
   * removes them from rows in the subject's scope; they are not searched for elsewhere, since others bear the same name.
   */
  readonly names: readonly string[];
};

/** A relation that the database does not declare: `from` holds the value of `to`. `where` narrows `from`'s rows. */
export type Link = {
  readonly from: ColumnName;
  readonly to: ColumnName;
  readonly where: Readonly<Record<string, string>>;
};

export type ColumnName = { readonly table: string; readonly column: string };

/** How long rows are retained, counted from the row's `clock` (ISO/IEC 27555: start point plus standard period). */
export type RetentionClass = {
  /** The citation: statute and paragraph. */
  readonly basis: string;
  /** ISO 8601 duration in years, months or days. */
  readonly period: string;
  readonly anchor: Anchor;
  /** Of Art. 17(3) GDPR. */
  readonly exception: ExceptionLetter;
  /** When the controller's fiscal year begins: `MM-DD`. */
  readonly yearBegins: string;
  /** Where the class is of a law: whose, what it asks, whether that wants a lawyer's confirmation, and why the policy keeps longer. */
  readonly law:
    | {
        readonly jurisdiction: string;
        readonly class: string;
        readonly period: string;
        readonly verify: boolean;
        readonly longer: string | undefined;
      }
    | undefined;
};

export type TableRule =
  | {
      readonly treatment: "erase";
      readonly owner: readonly string[] | undefined;
      /** Why records that a statute may hold go nevertheless. */
      readonly decided: Decision | undefined;
      readonly expiry: Expiry | undefined;
    }
  | {
      readonly treatment: "anonymise";
      readonly owner: readonly string[] | undefined;
      readonly columns: Readonly<Record<string, Transform>>;
      readonly analytics: Analytics | undefined;
      /** The batch's rows are put in again in random order, if it has as many people as this. */
      readonly reorder: { readonly among: number } | undefined;
      /** The rows go, and counts stay. */
      readonly aggregate: Aggregate | undefined;
      readonly expiry: Expiry | undefined;
    }
  | {
      readonly treatment: "retain";
      readonly owner: readonly string[] | undefined;
      readonly columns: Readonly<Record<string, Transform>>;
      readonly class: string;
      /** The date or timestamp column from which the period counts. */
      readonly clock: string;
      /** Database roles that may read the rows from then on; undefined: whoever may read the table. */
      readonly readableBy: readonly string[] | undefined;
      readonly expiry: Expiry | undefined;
    }
  | {
      readonly treatment: "keep";
      readonly owner: readonly string[] | undefined;
      readonly reason: string;
      /** Columns with personal data that stays on purpose. */
      readonly personal: readonly string[];
      readonly expiry: Expiry | undefined;
    };

/** When rows go without anybody asking, and what becomes of them. */
export type Expiry = {
  readonly clock: string;
  /** A retention class by name, or a period of the table's own. */
  readonly period: { readonly class: string } | { readonly after: string; readonly why: string };
  /** Undefined: the rows go. */
  readonly columns: Readonly<Record<string, Transform>> | undefined;
};

/** ISO date. */
export type Decision = { readonly by: string; readonly on: string; readonly why: string };

/** What to measure and prove of an anonymised event table. */
export type Analytics = {
  /** Quasi-identifiers over which k is measured on the whole table. */
  readonly quasi: readonly string[];
  /** Rows of each class that holds rows of a batch, at least: else the batch is undone. */
  readonly k: number;
  /** Which rows of a class count. */
  readonly anonymitySet: AnonymitySet;
  /** Columns of which nobody should learn what they say of somebody who is found in a class. */
  readonly sensitive: readonly string[];
  /** Distinct values of each of them in such a class, at least. */
  readonly l: number | undefined;
  /** How far each of them may be from the whole table in such a class: 0 to 1. */
  readonly t: number | undefined;
  /** What else somebody may know. */
  readonly attacks: readonly KnownRecords[];
  /** What becomes of who would be recognised when their deadline comes. */
  readonly late: Late;
  /** Totals that must be equal before and after. */
  readonly conserve: readonly Conserve[];
  /** Columns by whose values the totals are divided, beside the period. */
  readonly by: readonly string[];
  /** The date or timestamp column that puts a row into a period. */
  readonly clock: string | undefined;
  readonly per: TimeUnit;
};

/** Counts per class and period in another table. */
export type Aggregate = {
  readonly into: string;
  /** Columns of `into`. */
  readonly count: string;
  readonly sums: readonly { readonly of: string; readonly into: string }[];
  readonly period: string | undefined;
  /** Columns of both tables, and what they say in the class of rows of fewer than `among` people. */
  readonly classes: readonly { readonly column: string; readonly other: string | number | boolean | null }[];
  readonly among: number;
};

/** Records of people with which rows could be compared: own column to column of the records. */
export type KnownRecords = {
  readonly knows: string;
  readonly by: Readonly<Record<string, string>>;
  readonly whose: readonly string[];
};

export type Conserve =
  | { readonly measure: "count" }
  | { readonly measure: "sum" | "distinct"; readonly column: string };

/** A condition on rows that stops the request until a person has acted, unless a remedy is declared. */
export type Blocker = {
  readonly code: string;
  readonly table: string;
  readonly when: Readonly<Record<string, Condition>>;
  /** Columns that lead from a row to the subject; undefined: rows in the subject's scope. */
  readonly whose: readonly string[] | undefined;
  /** Columns that lead from a row to somebody else than the subject. */
  readonly other: readonly string[] | undefined;
  readonly remedy: Remedy | undefined;
  readonly hint: string | undefined;
};

/** What is done about the rows of a blocker, in the transaction of the erasure. */
export type Remedy =
  | { readonly kind: "set"; readonly columns: Readonly<Record<string, Transform>> }
  | { readonly kind: "unlink"; readonly column: string }
  | { readonly kind: "remove" };

export type Condition =
  | { readonly in: readonly (string | number | boolean)[] }
  | { readonly compare: "gt" | "gte" | "lt" | "lte" | "not"; readonly value: string | number }
  | { readonly isNull: boolean };

/** Whoever else has to erase: a task for every row of the subject in `table`, recorded with the erasure. */
export type Recipient = {
  readonly recipient: string;
  readonly task: string;
  readonly table: string;
  /** By what the recipient knows the record. */
  readonly reference: string;
};

/** A figure of the business over a whole table, taken before and after. */
export type Figure = {
  readonly figure: string;
  readonly table: string;
  readonly measure: Conserve;
  readonly where: Readonly<Record<string, Condition>>;
  /** A batch that changes it is undone. */
  readonly equal: boolean;
};

/** Rows by table, and what has to become of the person to whom they belong. */
export type Example = {
  readonly example: string;
  /** Options of the policy that are set otherwise for this example. */
  readonly options: Readonly<Record<string, boolean>>;
  readonly given: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  readonly then: { readonly blocked: string } | Readonly<Record<string, string | readonly string[]>>;
};
