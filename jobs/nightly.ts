import { night } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** Everything, once a night: the only job that runs unless the configuration schedules others. */
export const nightly = {
  name: "nightly",
  schedule: "0 2 * * *",
  timeout: "PT6H",
  run: night,
} satisfies Job;
