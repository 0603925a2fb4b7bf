import type { Temporal } from "temporal-polyfill";
import type { RequestCounts } from "#records/request.ts";
import type { Treatment } from "#records/treatment.ts";

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
  readonly backups: {
    readonly purged: number;
    readonly kept: number;
    readonly oldest: string | null;
    readonly exceptions: number;
  };
  readonly residuals: number;
  /** Absolute path of the signed bundle; null when the job writes none. */
  readonly report: string | null;
};
