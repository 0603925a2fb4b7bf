import { figure } from "#lib/figure.ts";
import { readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Temporal } from "temporal-polyfill";
import { approveAll } from "#intake/approve.ts";
import type { Context } from "#context.ts";
import { writeBackups } from "#demo/backups.ts";
import type { Belongings } from "#demo/belongings.ts";
import { onlyStore, type Sample } from "#demo/company.ts";
import { readEffects } from "#demo/effects.ts";
import { peek } from "#demo/peek.ts";
import type { SamplePolicy } from "#demo/policies.ts";
import { readBack } from "#demo/read-back.ts";
import type { NightShown } from "#demo/screen.ts";
import { readStopped } from "#demo/stopped.ts";
import { runNights } from "#demo/story.ts";
import { timeZone, type Workspace } from "#demo/workspace.ts";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { planForApproval } from "#forecast.ts";
import { importFile } from "#intake/import-file.ts";
import { clockFrom } from "#lib/clock.ts";

export type Night = {
  readonly policy: SamplePolicy;
  readonly sample: Sample;
  /** What belonged to those who asked, where it is to be looked at again row by row. */
  readonly belongings?: Belongings;
  /** Of the monotonic clock, in milliseconds. */
  readonly began: number;
};

const nights = 45;

/** Everything from the letter-box to the verified report, under one policy, at a company that has been founded. */
export const demonstrate = async (
  context: Context,
  workspace: Workspace,
  { policy, sample, belongings, began }: Night,
): Promise<NightShown> => {
  const store = onlyStore(context);
  await furnishOffice(context, workspace, sample);
  const { grace } = store.policy.deletion;
  // So that the time of grace is over now, the night in which it began was a little while ago.
  const early = grace === undefined ? context : { ...context, clock: clockFrom(before(context, grace)) };
  const imported = await importFile(early, workspace.requests);
  const first = await peek(store.pool);
  await approveAll(early, { by: "demo DPO", planFor: planForApproval });
  const backups = { directory: workspace.backups, written: nights };
  const told = await runNights(context, early, async () => ({
    effects: await readEffects(context),
    fates: belongings && (await readBack(context, sample, belongings, backups)),
  }));
  const bundle = told.run.report ?? "";
  context.progress.stage("Verify the report");
  const verified = await verifyBundle(bundle, await readFile(workspace.keys.public, "utf8"));
  context.progress.end(`${verified.checks.length} checks, offline, with the public key only`);
  return {
    policy,
    imported,
    before: first,
    after: await peek(store.pool),
    ...told,
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

/** Writes the company's backups and puts the letters into its letter-box. */
const furnishOffice = async (context: Context, workspace: Workspace, { days, letters }: Sample): Promise<void> => {
  context.progress.stage("Write its backups");
  const { bytes } = await writeBackups(onlyStore(context).pool, workspace.backups, nights, days);
  context.progress.end(`${nights} nights, ${figure(Math.round(bytes / 1e6))} MB`);
  await writeFile(workspace.requests, letters.csv);
};

const shown = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
};
