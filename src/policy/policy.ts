import type { Place } from "#lib/errors.ts";
import type { IdentifierKind } from "#records/request.ts";

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
  readonly subject: SubjectRoot;
  readonly links: readonly Link[];
  readonly classes: Readonly<Record<string, RetentionClass>>;
  readonly tables: Readonly<Record<string, TableRule>>;
  readonly blockers: readonly Blocker[];
  /** SHA-256 over the canonical JSON of the document: goes into every plan, entry and report. */
  readonly digest: string;
  readonly file: string;
  /** Where something stands in the file, by its path of keys; the nearest enclosing place when it has none itself. */
  readonly placeOf: (path: readonly (string | number)[]) => Place;
};

export type SubjectRoot = {
  readonly table: string;
  /** The primary key: one column. */
  readonly key: string;
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
  readonly anchor: "event" | "end-of-calendar-year";
};

export type TableRule =
  | { readonly treatment: "erase"; readonly owner: readonly string[] | undefined }
  | {
      readonly treatment: "anonymise";
      readonly owner: readonly string[] | undefined;
      readonly columns: Readonly<Record<string, Transform>>;
      readonly analytics: Analytics | undefined;
    }
  | {
      readonly treatment: "retain";
      readonly owner: readonly string[] | undefined;
      readonly columns: Readonly<Record<string, Transform>>;
      readonly class: string;
      /** The date or timestamp column from which the period counts. */
      readonly clock: string;
    }
  | { readonly treatment: "keep"; readonly reason: string };

/** What to measure and prove of an anonymised event table. */
export type Analytics = {
  /** Quasi-identifiers over which k is measured on the whole table. */
  readonly quasi: readonly string[];
  readonly k: number;
  /** Totals that must be equal before and after. */
  readonly conserve: readonly Conserve[];
  /** The date or timestamp column that puts a row into a period. */
  readonly clock: string | undefined;
  readonly per: "day" | "month" | "year";
};

export type Conserve = { readonly measure: "count" } | { readonly measure: "sum"; readonly column: string };

export type Transform =
  | { readonly kind: "keep" }
  | { readonly kind: "null" }
  | { readonly kind: "constant"; readonly value: string | number | boolean }
  /** Text with `{random}`, replaced by 20 hexadecimal digits that are different for every row. */
  | { readonly kind: "unique"; readonly template: string }
  /** Replaces the subject's identifiers and names inside text or JSON by `[erased]`. */
  | { readonly kind: "redact" }
  | { readonly kind: "truncate"; readonly to: "day" | "month" | "year" }
  | { readonly kind: "generalise"; readonly map: Readonly<Record<string, string>>; readonly otherwise: string | null };

/** A condition on rows in the subject's scope that stops the request until a person has acted. */
export type Blocker = {
  readonly code: string;
  readonly table: string;
  readonly when: Readonly<Record<string, Condition>>;
  readonly hint: string | undefined;
};

export type Condition =
  | { readonly in: readonly (string | number | boolean)[] }
  | { readonly compare: "gt" | "gte" | "lt" | "lte" | "not"; readonly value: string | number }
  | { readonly isNull: boolean };
