import type { Mark } from "#report/backup-calendar.ts";
import type { Sentence } from "#report/workbook-definition.ts";

export type { Mark };

/** A row of days for each of a few things. */
export type Calendar = {
  /** ISO dates without a gap, the last of them today. */
  readonly days: readonly string[];
  readonly legend: readonly { readonly mark: Mark; readonly text: string }[];
  readonly lanes: readonly Lane[];
  /** Stands in for the lanes when there are none. */
  readonly empty: string;
};

export type Lane = {
  readonly name: string;
  readonly facts: string;
  /** What lies before the first day. */
  readonly earlier: string | null;
  /** One for each day; null: nothing. */
  readonly days: readonly (Mark | null)[];
  /** Index of the day before which a line is drawn. */
  readonly begins: number | null;
  /** Below all lanes. */
  readonly sentences: readonly Sentence[];
};
