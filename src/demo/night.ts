import { readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Temporal } from "temporal-polyfill";
import { approveAll } from "#intake/approve.ts";
import { findJob, startJob } from "#cli/jobs.ts";
import type { Context, Store } from "#context.ts";
import { writeBackups } from "#demo/backups.ts";
import { calendar } from "#demo/calendar.ts";
import { readEffects } from "#demo/effects.ts";
import { generateCompany } from "#demo/generate.ts";
import { loadCompany } from "#demo/load.ts";
import { peek } from "#demo/peek.ts";
import type { SamplePolicy } from "#demo/policies.ts";
import { writeLetters } from "#demo/requests.ts";
import type { NightShown } from "#demo/screen.ts";
import { trySoftDeletion } from "#demo/soft.ts";
import { readStopped } from "#demo/stopped.ts";
import { timeZone, type Workspace } from "#demo/workspace.ts";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { planForApproval } from "#forecast.ts";
import { importFile } from "#intake/import-file.ts";
import { clockFrom } from "#lib/clock.ts";

export type Size = { readonly customers: number; readonly seed: number };

const nights = 45;
const count = new Intl.NumberFormat("en-GB");

/** Everything from the letter-box to the verified report, under one policy. */
export const demonstrate = async (
  context: Context,
  workspace: Workspace,
  policy: SamplePolicy,
  size: Size,
): Promise<NightShown> => {
  const began = performance.now();
  const store = await found(context, workspace, size);
  const { grace } = store.policy.deletion;
  // So that the time of grace is over now, the night in which it began was a little while ago.
  const early = grace === undefined ? context : { ...context, clock: clockFrom(before(context, grace)) };
  const imported = await importFile(early, workspace.requests);
  const first = await peek(store.pool);
  await approveAll(early, { by: "demo DPO", planFor: planForApproval });
  const nightly = await findJob("nightly");
  const one = await startJob(early, nightly);
  const soft = store.policy.deletion.mode === "soft" ? await trySoftDeletion(context, store) : undefined;
  const another = grace !== undefined || soft !== undefined;
  const effects = soft === undefined ? undefined : await readEffects(context);
  const two = another ? await startJob(context, nightly) : undefined;
  // Of two nights the first has purged the backups.
  const purged = one.backups.purged + (two?.backups.purged ?? 0);
  const run = grace === undefined || two === undefined ? one : { ...two, backups: { ...two.backups, purged } };
  const bundle = run.report ?? "";
  context.progress.stage("Verify the report");
  const verified = await verifyBundle(bundle, await readFile(workspace.keys.public, "utf8"));
  context.progress.end(`${verified.checks.length} checks, offline, with the public key only`);
  return {
    policy,
    imported,
    before: first,
    after: await peek(store.pool),
    run,
    waited: grace === undefined ? undefined : { grace, scheduled: one.outcomes.scheduled },
    soft,
    effects: effects ?? (await readEffects(context)),
    stopped: await readStopped(context),
    checks: verified.checks.length,
    took: `${((performance.now() - began) / 1000).toFixed(1)} s`,
    report: shown(bundle),
    key: shown(workspace.keys.public),
    config: shown(workspace.config),
    policyFile: shown(join(workspace.directory, "policy.yaml")),
    // In a clone there is no `lethe` to call before it is built.
    command: import.meta.filename.endsWith(".ts") ? "npm run --silent lethe --" : "npx lethe",
  };
};

const before = ({ clock }: Context, grace: string): Temporal.Instant =>
  clock.now().toZonedDateTimeISO(timeZone).subtract(Temporal.Duration.from(grace)).subtract({ minutes: 1 }).toInstant();

/** Makes the company, its backups and its letter-box. */
const found = async (
  { stores, clock, progress }: Context,
  workspace: Workspace,
  { customers, seed }: Size,
): Promise<Store> => {
  const [store] = stores;
  if (store === undefined) throw new TypeError("the demo's configuration names one store");
  const days = calendar(clock, timeZone);
  progress.stage("Found a company");
  const company = generateCompany({ seed, customers, days });
  const loaded = await loadCompany(store.pool, company, days);
  progress.end(`${count.format(customers)} customers, ${count.format(loaded.rows)} rows in ${loaded.tables} tables`);
  progress.stage("Write its backups");
  const { bytes } = await writeBackups(store.pool, workspace.backups, nights, days);
  progress.end(`${nights} nights, ${count.format(Math.round(bytes / 1e6))} MB`);
  await writeFile(workspace.requests, writeLetters(seed, company, days).csv);
  return store;
};

const shown = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
};
