import { publishReports } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** Signs and publishes the reports. */
export const reportJob = {
  name: "report",
  schedule: "0 6 * * 1",
  timeout: "PT1H",
  run: publishReports,
} satisfies Job;
