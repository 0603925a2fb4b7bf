import type { ColumnChange, Edge } from "#records/plan.ts";

type Clock = { readonly column: string; readonly type: string };

/** One table whose old rows are due, and what becomes of them. */
export type ExpiryStep = {
  readonly table: string;
  readonly clock: Clock;
  /** ISO date: rows whose clock is of this day or earlier are due. */
  readonly through: string;
  /** What it is by, as reports cite it; the class's name, where it is one. */
  readonly basis: string;
  readonly class: string | null;
  /** Empty: the rows go. */
  readonly changes: readonly ColumnChange[];
  /** The primary key, where rows of the table are restricted: what has expired is not any more. */
  readonly restricted: readonly string[];
  /** Tables that triggers may write to when its rows change so: what legal holds cover there is looked at before the commit. */
  readonly writes: readonly string[];
  /** References to the table: a row that is referred to waits for what refers to it. */
  readonly users: readonly Edge[];
  /** Records that rows of the table are parts of, and that are retained themselves: a part waits for the whole. */
  readonly wholes: readonly { readonly edge: Edge; readonly clock: Clock; readonly through: string }[];
};

/** What a store's old rows are due for on a day; `digest` names it in the ledger. */
export type ExpiryPlan = { readonly store: string; readonly day: string; readonly steps: readonly ExpiryStep[] };
