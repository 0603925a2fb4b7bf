import { verifyErased } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** Searches the stores again for what was erased. */
export const verifyJob = {
  name: "verify",
  schedule: "30 * * * *",
  timeout: "PT2H",
  run: verifyErased,
} satisfies Job;
