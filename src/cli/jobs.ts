import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import type { Job } from "#records/job.ts";
import type { RunSummary } from "#records/run.ts";

const jobs: Readonly<Record<string, () => Promise<Job>>> = {
  nightly: async () => (await import("#jobs/nightly.ts")).nightly,
  erase: async () => (await import("#jobs/erase.ts")).eraseJob,
  verify: async () => (await import("#jobs/verify.ts")).verifyJob,
  expire: async () => (await import("#jobs/expire.ts")).expireJob,
  backups: async () => (await import("#jobs/backups.ts")).backupsJob,
  drill: async () => (await import("#jobs/drill.ts")).drillJob(),
  report: async () => (await import("#jobs/report.ts")).reportJob,
};

export const jobNames: readonly string[] = Object.keys(jobs);

/** Throws `USAGE` for a name that no job has. */
export const findJob = async (name: string): Promise<Job> => {
  const load = Object.hasOwn(jobs, name) ? jobs[name] : undefined;
  if (load === undefined) {
    throw new LetheError("USAGE", "there is no such job", { hint: `name one of ${jobNames.join(", ")}` });
  }
  return load();
};

/** Runs a job once, and tells it to stop when its time is over. */
export const startJob = async (context: Context, job: Omit<Job, "schedule">): Promise<RunSummary> => {
  const [{ runJob }, { Temporal }] = await Promise.all([import("#run-job.ts"), import("temporal-polyfill")]);
  const timeout = AbortSignal.timeout(Temporal.Duration.from(job.timeout).total("milliseconds"));
  return runJob({ ...context, signal: AbortSignal.any([context.signal, timeout]) }, job);
};
