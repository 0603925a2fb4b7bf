/** Why something is under a legal hold: a closed list, so that neither ledger nor report carries free text about a person. */
export const holdReasons = ["litigation", "claim", "authority", "investigation", "audit", "other"] as const;
export type HoldReason = (typeof holdReasons)[number];

/** `request`: the person of one request; `subject`: a person who has asked for nothing; `rows`: a table, or a time of it; `backups`: those of a repository. */
export const holdKinds = ["request", "subject", "rows", "backups"] as const;
export type HoldKind = (typeof holdKinds)[number];

/**
 * Rows that a matter needs: those of `table` whose `clock` lies in the days from `from` to `to`, both included; of an open end null. Without a clock
 * all rows of the table.
 */
export type RowHold = {
  /** `H-7K3M-2QXA-9DTB` */
  readonly ref: string;
  /** The case's file reference. */
  readonly matter: string;
  readonly table: string;
  readonly clock: string | null;
  /** ISO dates. */
  readonly from: string | null;
  readonly to: string | null;
};

/** The same once the clock's type is read from the live schema. */
export type ReadableHold = Omit<RowHold, "clock"> & {
  readonly clock: { readonly column: string; readonly type: string } | null;
};

/** The rows of one request that holds cover, in one table. */
export type HeldRows = {
  readonly request: number;
  readonly table: string;
  readonly rows: number;
  readonly matters: readonly string[];
};
