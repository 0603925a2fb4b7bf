import { expireRecords } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** Lets go what is older than its period, with or without a request. */
export const expireJob = {
  name: "expire",
  schedule: "0 3 * * *",
  timeout: "PT6H",
  run: expireRecords,
} satisfies Job;
