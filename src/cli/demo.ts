import { readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { InvalidArgumentError, type Command } from "commander";
import { findJob, startJob } from "#cli/jobs.ts";
import { makeShell } from "#cli/make-shell.ts";
import type { Shell } from "#cli/shell.ts";
import type { Context } from "#context.ts";
import type { NightShown } from "#demo/screen.ts";
import type { Workspace } from "#demo/workspace.ts";

type DemoOptions = { readonly directory: string; readonly customers: number; readonly seed: number };

/** `lethe demo`: a whole night on an embedded PostgreSQL with a sample company, made anew each time. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("demo")
    .description("watch a sample company forget some of its customers, from the letter-box to the signed report")
    .option("--directory <path>", "where the company lives; emptied first if a demo made it", ".lethe/demo")
    .option("--customers <number>", "how many customers the company has", positive, 2000)
    .option("--seed <number>", "another company for another number", positive, 2026)
    .action(async (options: DemoOptions) => {
      const night = await demonstrate(shell, options);
      const { demoScreen } = await import("#demo/screen.ts");
      shell.answer(document(night), () => demoScreen(night, process.stdout.isTTY && process.stdout.hasColors()));
      if (night.run.outcome === "attention") shell.exitWith(5);
      if (night.run.outcome === "stopped") shell.exitWith(1);
    });
};

const demonstrate = async (shell: Shell, options: DemoOptions): Promise<NightShown> => {
  const [{ claim, furnish }, { freshServer }] = await Promise.all([
    import("#demo/workspace.ts"),
    import("#demo/server.ts"),
  ]);
  const directory = resolve(options.directory);
  await claim(directory);
  if (!shell.options().json)
    process.stderr.write("A sample company, on a PostgreSQL of its own. Nothing else is touched.\n\n");
  await using _server = await freshServer(directory);
  const workspace = await furnish(directory);
  // The commands inside are the real ones: they find the company as they would find anybody's, by its configuration.
  const inside = makeShell(() => ({ ...shell.options(), config: workspace.config }), { status: 0, answered: false });
  return await inside.withContext((context) => night(context, workspace, options));
};

const night = async (context: Context, workspace: Workspace, options: DemoOptions): Promise<NightShown> => {
  const [{ importFile }, { approveAll }, { planForApproval }, { verifyBundle }, { peek }, { readStopped }] =
    await Promise.all([
      import("#intake/import-file.ts"),
      import("#intake/approve.ts"),
      import("#forecast.ts"),
      import("#evidence/verify-bundle.ts"),
      import("#demo/peek.ts"),
      import("#demo/stopped.ts"),
    ]);
  const began = performance.now();
  const { pool } = await found(context, workspace, options);
  const imported = await importFile(context, workspace.requests);
  const before = await peek(pool);
  await approveAll(context, { by: "demo DPO", planFor: planForApproval });
  const run = await startJob(context, await findJob("nightly"));
  const bundle = run.report ?? "";
  context.progress.stage("Verify the report");
  const verified = await verifyBundle(bundle, await readFile(workspace.keys.public, "utf8"));
  context.progress.end(`${verified.checks.length} checks, offline, with the public key only`);
  return {
    imported,
    before,
    after: await peek(pool),
    run,
    stopped: await readStopped(context),
    checks: verified.checks.length,
    took: `${((performance.now() - began) / 1000).toFixed(1)} s`,
    report: shown(bundle),
    key: shown(workspace.keys.public),
    config: shown(workspace.config),
    policy: shown(join(workspace.directory, "policy.yaml")),
    // In a clone there is no `lethe` to call before it is built.
    command: import.meta.filename.endsWith(".ts") ? "npm run --silent lethe --" : "npx lethe",
  };
};

/** Makes the company, its backups and its letter-box. */
const found = async ({ stores, clock, progress }: Context, workspace: Workspace, { customers, seed }: DemoOptions) => {
  const [{ calendar }, { generateCompany }, { loadCompany }, { writeBackups }, { writeLetters }, { timeZone }] =
    await Promise.all([
      import("#demo/calendar.ts"),
      import("#demo/generate.ts"),
      import("#demo/load.ts"),
      import("#demo/backups.ts"),
      import("#demo/requests.ts"),
      import("#demo/workspace.ts"),
    ]);
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
  const letters = writeLetters(seed, company, days);
  await writeFile(workspace.requests, letters.csv);
  return store;
};

const nights = 45;
const count = new Intl.NumberFormat("en-GB");

const shown = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
};

const document = ({ imported, before, after, run, report, key }: NightShown) => ({
  ...run,
  imported: {
    rows: imported.rows,
    accepted: imported.accepted,
    repeated: imported.repeated,
    rejected: imported.rejectedCount,
  },
  before,
  after,
  verified: { report, key },
});

const positive = (text: string): number => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("expected a whole number above 0.");
  return number;
};
