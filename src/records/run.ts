import type { Temporal } from "temporal-polyfill";
import type { RequestCounts } from "#records/request.ts";
import type { Outcome, Treatment } from "#records/treatment.ts";

/** One execution of one job. */
export type Run = { readonly id: string; readonly job: string; readonly startedAt: Temporal.Instant };

/** What `lethe run --json` prints: the outside contract's document. */
export type RunSummary = {
  readonly run: string;
  readonly outcome: "done" | "attention" | "stopped";
  readonly requests: RequestCounts;
  readonly steps: readonly {
    readonly store: string;
    readonly table: string;
    readonly treatment: Treatment;
    readonly rows: number;
    readonly spared: number;
  }[];
  /** Rows that went, or changed, because their time was over, whoever they were about. */
  readonly expired: readonly {
    readonly store: string;
    readonly table: string;
    readonly treatment: Extract<Treatment, "erase" | "anonymise">;
    readonly rows: number;
  }[];
  /** Large tables whose old rows no index finds, and the statements that make one. */
  readonly indexes: readonly { readonly store: string; readonly table: string; readonly proposal: readonly string[] }[];
  /** Requests by what became of them: what this run declared done, and what waits or has failed. Two stores may differ: both count. */
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Where personal data stays, on purpose, of the requests that this run declared done. */
  readonly stays: { readonly columns: number; readonly tables: number };
  /** Pending requests that are due within `warn_days`, the day of the next of them, and receipts that should have been confirmed by now. */
  readonly warnings: { readonly dueSoon: number; readonly next: string | null; readonly notConfirmed: number };
  /** In the order of the policies; decimal text. */
  readonly figures: readonly {
    readonly store: string;
    readonly figure: string;
    readonly before: string;
    readonly after: string;
    /** What this run changed; others may have changed more. */
    readonly change: string;
    readonly equal: boolean;
  }[];
  /** What recipients have to do, over all runs. */
  readonly tasks: { readonly open: number; readonly done: number; readonly failed: number };
  readonly backups: {
    readonly purged: number;
    readonly kept: number;
    readonly oldest: string | null;
    readonly exceptions: number;
  };
  /** Stores that a restore took back: not released yet, or released by this run. */
  readonly restores: readonly {
    readonly store: string;
    readonly asOf: string;
    readonly repeated: number;
    readonly refused: number;
    readonly open: number;
    readonly released: boolean;
  }[];
  /** Backups that this run restored to try them; times in seconds. */
  readonly drills: readonly {
    readonly repository: string;
    readonly store: string;
    readonly backup: string | null;
    readonly outcome: "clean" | "waiting" | "failed";
    readonly code: string | null;
    readonly restored: number | null;
    readonly replayed: number | null;
    readonly repeated: number;
    readonly waiting: number;
  }[];
  readonly residuals: number;
  /** Absolute path of the signed bundle; null when the job writes none. */
  readonly report: string | null;
};
