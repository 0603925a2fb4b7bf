import { findJob, startJob } from "#cli/jobs.ts";
import type { Context } from "#context.ts";
import { onlyStore } from "#demo/company.ts";
import type { Effects } from "#demo/effects.ts";
import type { Fates } from "#demo/read-back.ts";
import { trySoftDeletion, visibleCustomers, type SoftDeletion } from "#demo/soft.ts";
import { durationText } from "#lib/duration-text.ts";
import type { Job } from "#records/job.ts";
import type { RunSummary } from "#records/run.ts";

/** What is looked at once the requests were carried out. */
export type Looked = { readonly effects: Effects; readonly fates?: Fates | undefined };

export type Told = Looked & {
  /** The night in which the requests were carried out. */
  readonly run: RunSummary;
  /** Where the policy lets requests wait: how long (ISO 8601), and how many did. */
  readonly waited?: { readonly grace: string; readonly scheduled: number } | undefined;
  readonly soft?: SoftDeletion | undefined;
};

/** The night under the company's policy and what its mode adds: the time of grace, or the life of a customer who is only marked. */
export const runNights = async (context: Context, early: Context, look: () => Promise<Looked>): Promise<Told> => {
  const store = onlyStore(context);
  const { grace, mode } = store.policy.deletion;
  const nightly = await findJob("nightly");
  const visible = mode === "soft" ? await visibleCustomers(store) : new Set<number>();
  const one = await startJob(early, nightly);
  if (grace !== undefined && !stopped(one))
    return { ...(await afterGrace(context, nightly, one, grace)), ...(await look()) };
  // Before anybody is activated again: the next night forgets what it knew of that request.
  const looked = await look();
  if (mode !== "soft" || stopped(one)) return { run: one, ...looked };
  return { ...(await afterMarking(context, nightly, one, visible)), ...looked };
};

const stopped = ({ outcome }: RunSummary): boolean => outcome === "stopped";

const afterGrace = async (
  context: Context,
  nightly: Job,
  one: RunSummary,
  grace: string,
): Promise<Pick<Told, "run" | "waited">> => {
  context.progress.stage(`… ${durationText(grace)} later`);
  context.progress.end(`the time of grace of ${one.outcomes.scheduled} requests is over, and the night runs again`);
  const two = await startJob(context, nightly);
  // Of the two nights the first has purged the backups.
  const backups = { ...two.backups, purged: one.backups.purged + two.backups.purged };
  return { run: { ...two, backups }, waited: { grace, scheduled: one.outcomes.scheduled } };
};

const afterMarking = async (
  context: Context,
  nightly: Job,
  one: RunSummary,
  visible: ReadonlySet<number>,
): Promise<Pick<Told, "run" | "soft">> => {
  context.progress.stage("Order something for a customer who is marked");
  const soft = await trySoftDeletion(context, onlyStore(context), visible);
  context.progress.end(soft.refused === null ? "TAKEN" : "refused; now that customer is activated again");
  const two = await startJob(context, nightly);
  return { run: two.outcome === "done" ? one : { ...one, outcome: two.outcome }, soft };
};
