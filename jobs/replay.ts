import type { Store } from "#context.ts";
import { replayErasures } from "#pipeline.ts";
import type { Job } from "#records/job.ts";
import type { Told } from "#restore/notice.ts";

/** After a restore, when somebody says so: never by itself. */
export const replayJob = (store: Store, told: Told): Omit<Job, "schedule"> => ({
  name: "replay",
  timeout: "PT24H",
  run: (ctx, run) => replayErasures(ctx, run, store, told),
});
