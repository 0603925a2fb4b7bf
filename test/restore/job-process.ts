// A night, the purge alone, or a replay, in a process of its own, to be killed. It loads everything, says so, and waits to be told which it is.
import { setTimeout as sleep } from "node:timers/promises";
import { Temporal } from "temporal-polyfill";
import { backupsJob } from "#jobs/backups.ts";
import { nightly } from "#jobs/nightly.ts";
import { replayJob } from "#jobs/replay.ts";
import type { Context } from "#context.ts";
import { clockFrom } from "#lib/clock.ts";
import { isLetheError } from "#lib/errors.ts";
import { createLogger } from "#lib/log.ts";
import { silentProgress } from "#lib/progress.ts";
import { systemRandom } from "#lib/random.ts";
import { openContext } from "#open-context.ts";
import type { Job } from "#records/job.ts";
import type { RunSummary } from "#records/run.ts";
import { undoneBy } from "#restore/notice.ts";
import { runJob } from "#run-job.ts";

/** `asOf`: the time to which the only store was restored. */
export type JobOrder = { readonly configFile: string; readonly now: string } & (
  | { readonly job: "nightly" | "backups" }
  | { readonly job: "replay"; readonly asOf: string }
);

const work = async (order: JobOrder): Promise<RunSummary> => {
  await using context = await openContext({
    configFile: order.configFile,
    env: {},
    clock: clockFrom(Temporal.Instant.from(order.now)),
    random: systemRandom,
    log: createLogger({ level: "silent", pretty: false, destination: process.stderr }),
    progress: silentProgress,
    signal: new AbortController().signal,
  });
  return await whenFree(context, await jobOf(context, order));
};

const jobOf = (context: Context, order: JobOrder): Job | Promise<Omit<Job, "schedule">> => {
  switch (order.job) {
    case "nightly":
      return nightly;
    case "backups":
      return backupsJob;
    case "replay":
      return replayOf(context, order.asOf);
  }
};

const replayOf = async (context: Context, asOf: string): Promise<Omit<Job, "schedule">> => {
  const [store] = context.stores;
  if (store === undefined) throw new TypeError("there is a store");
  const told = { asOf: Temporal.Instant.from(asOf) };
  await undoneBy(context, store, told);
  return replayJob(store, told);
};

/** The server notices a little later that a run was killed, and holds its lock until then. */
const whenFree = async (context: Context, job: Omit<Job, "schedule">): Promise<RunSummary> => {
  for (;;) {
    try {
      return await runJob(context, job);
    } catch (error) {
      if (!isLetheError(error, "RUN_IN_PROGRESS")) throw error;
      await sleep(50);
    }
  }
};

process.once("message", ({ fault, ...order }: JobOrder & { readonly fault?: string }) => {
  if (fault !== undefined) process.env["LETHE_FAULT"] = fault;
  const tell = (said: string): void => void process.send?.(said, () => process.disconnect());
  work(order).then(
    ({ outcome }) => tell(outcome),
    (error: unknown) => tell(isLetheError(error) ? error.code : String(error)),
  );
});
process.send?.("ready");
