import type { Temporal } from "temporal-polyfill";
import type { Store } from "#context.ts";
import { replayErasures } from "#pipeline.ts";
import type { Job } from "#records/job.ts";

/** After a restore, when somebody says so: never by itself. */
export const replayJob = (store: Store, asOf: Temporal.Instant): Omit<Job, "schedule"> => ({
  name: "replay",
  timeout: "PT24H",
  run: (ctx, run) => replayErasures(ctx, run, store, asOf),
});
