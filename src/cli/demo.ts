import { resolve } from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import { makeShell } from "#cli/make-shell.ts";
import type { Shell } from "#cli/shell.ts";
import { samplePolicies, type SamplePolicy } from "#demo/policies.ts";
import type { NightShown } from "#demo/screen.ts";

type DemoOptions = {
  readonly directory: string;
  readonly customers?: number;
  readonly seed: number;
  readonly policy: SamplePolicy;
  readonly compare?: true;
};

/** `lethe demo`: a whole night on an embedded PostgreSQL with a sample company, made anew each time. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("demo")
    .description("watch a sample company forget some of its customers, from the letter-box to the signed report")
    .option("--directory <path>", "where the company lives; emptied first if a demo made it", ".lethe/demo")
    .option("--customers <number>", "how many customers the company has: 2000, to compare 400", positive)
    .option("--seed <number>", "another company for another number", positive, 2026)
    .addOption(new Option("--policy <name>", "what deletion means").choices(samplePolicies).default("juicyway"))
    .option("--compare", "the same night under each of the five policies, side by side")
    .action(async (options: DemoOptions) => (options.compare === true ? compare(shell, options) : one(shell, options)));
};

const one = async (shell: Shell, options: DemoOptions): Promise<void> => {
  say(shell, "A sample company, on a PostgreSQL of its own. Nothing else is touched.\n\n");
  const night = await demonstrate(shell, options, options.policy, resolve(options.directory));
  const { demoScreen } = await import("#demo/screen.ts");
  shell.answer(document(night), () => demoScreen(night, process.stdout.isTTY && process.stdout.hasColors()));
  if (night.run.outcome === "attention") shell.exitWith(5);
  if (night.run.outcome === "stopped") shell.exitWith(1);
};

const compare = async (shell: Shell, options: DemoOptions): Promise<void> => {
  say(shell, "The same company under each of five policies, on a PostgreSQL of its own. Nothing else is touched.\n");
  const nights: NightShown[] = [];
  for (const policy of samplePolicies) {
    say(shell, `\n${policy}\n`);
    const size = { ...options, customers: options.customers ?? 400 };
    nights.push(await demonstrate(shell, size, policy, resolve(options.directory)));
  }
  const { compared, compareScreen } = await import("#demo/compare.ts");
  shell.answer(compared(nights), () => compareScreen(nights));
  if (nights.some(({ run }) => run.outcome !== "done")) shell.exitWith(5);
};

const demonstrate = async (
  shell: Shell,
  { customers, seed }: DemoOptions,
  policy: SamplePolicy,
  directory: string,
): Promise<NightShown> => {
  const [{ claim, furnish }, { freshServer }] = await Promise.all([
    import("#demo/workspace.ts"),
    import("#demo/server.ts"),
  ]);
  await claim(directory);
  await using _server = await freshServer(directory);
  const workspace = await furnish(directory, policy);
  // The commands inside are the real ones: they find the company as they would find anybody's, by its configuration.
  const inside = makeShell(() => ({ ...shell.options(), config: workspace.config }), { status: 0, answered: false });
  const { demonstrate: night } = await import("#demo/night.ts");
  return await inside.withContext((context) =>
    night(context, workspace, policy, { customers: customers ?? 2000, seed }),
  );
};

const say = (shell: Shell, text: string): void => {
  if (!shell.options().json) process.stderr.write(text);
};

const document = ({ policy, imported, before, after, run, waited, soft, effects, report, key }: NightShown) => ({
  ...run,
  policy,
  imported: {
    rows: imported.rows,
    accepted: imported.accepted,
    repeated: imported.repeated,
    rejected: imported.rejectedCount,
  },
  before,
  after,
  waited: waited ?? null,
  soft: soft ?? null,
  left: effects.stays,
  remedies: effects.remedies,
  verified: { report, key },
});

const positive = (text: string): number => {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("expected a whole number above 0.");
  return number;
};
