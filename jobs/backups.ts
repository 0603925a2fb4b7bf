import { purgeBackups } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** Purges backups that are past their retention. */
export const backupsJob = {
  name: "backups",
  schedule: "0 4 * * *",
  timeout: "PT2H",
  run: purgeBackups,
} satisfies Job;
