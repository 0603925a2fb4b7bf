/** A column whose values nobody should learn of a person who is found in a class. */
export type Sensitive = {
  readonly column: string;
  /** Numbers and times lie in an order: between 1 and 2 is less than between 1 and 9. Categories are equal or different. */
  readonly ordered: boolean;
};

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
