import { drillBackups } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** Restores the newest backup of each repository, or of one, to try it. */
export const drillJob = (only?: string): Job => ({
  name: "drill",
  schedule: "0 5 1 * *",
  timeout: "PT12H",
  run: (ctx, run) => drillBackups(ctx, run, only),
});
