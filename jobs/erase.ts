import { erase } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** Erases what is approved, between two nights. */
export const eraseJob = {
  name: "erase",
  schedule: "0 * * * *",
  timeout: "PT2H",
  run: erase,
} satisfies Job;
