import type { Context } from "#context.ts";
import type { Run } from "#records/run.ts";

/** When something happens, and what: the files in `jobs/` say no more than this. */
export type Job = {
  readonly name: string;
  /** Cron expression in the controller's time zone, for when the configuration schedules the job without its own. */
  readonly schedule: string;
  /** ISO 8601 duration after which the job is told to stop; what is unfinished goes on in the next run. */
  readonly timeout: string;
  readonly run: (ctx: Context, run: Run) => Promise<void>;
};
