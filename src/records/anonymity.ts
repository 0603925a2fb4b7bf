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
