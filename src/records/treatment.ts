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
};

/** k-anonymity of the whole table, measured after commit: the smallest class of the quasi-identifiers. */
export type Anonymity = {
  readonly store: string;
  readonly table: string;
  readonly quasi: readonly string[];
  readonly threshold: number;
  readonly k: number;
  readonly classes: number;
  readonly rows: number;
  /** Rows in classes smaller than the threshold. */
  readonly below: number;
  readonly measuredAt: string;
};

/** Personal data found after erasure: the place and how many rows, never the value. */
export type Residual = {
  readonly request: string;
  readonly store: string;
  readonly table: string;
  readonly column: string;
  readonly rows: number;
};
