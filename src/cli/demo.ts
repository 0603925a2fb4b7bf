import { Option, type Command } from "commander";
import { inDirectory, positive, say, tools } from "#cli/demo-place.ts";
import type { Shell } from "#cli/shell.ts";
import { samplePolicies, type SamplePolicy } from "#demo/policies.ts";
import type { NightShown } from "#demo/screen.ts";
import { LetheError } from "#lib/errors.ts";

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
    .addOption(
      new Option("--compare", "the same night under each of the five policies, side by side").conflicts("policy"),
    )
    .action(async (options: DemoOptions) => (options.compare === true ? compare(shell, options) : one(shell, options)));
};

const one = async (shell: Shell, options: DemoOptions): Promise<void> => {
  say(shell, "A sample company, on a PostgreSQL of its own. Nothing else is touched.\n\n");
  const { policy } = options;
  const began = performance.now();
  const night = await inDirectory(shell, options.directory, async ({ directory, inside }) => {
    const { workspace, foundCompany, demonstrate } = await tools(directory, policy);
    return inside(async (context) => {
      const sample = await foundCompany(context, { customers: options.customers ?? 2000, seed: options.seed });
      return demonstrate(context, workspace, { policy, sample, began });
    });
  });
  const { demoScreen } = await import("#demo/screen.ts");
  shell.answer(document(night), () => demoScreen(night, process.stdout.isTTY && process.stdout.hasColors()));
  if (night.run.outcome === "attention") shell.exitWith(5);
  if (night.run.outcome === "stopped") shell.exitWith(1);
};

/** One company, and five nights that all begin with it as it was. */
const compare = async (shell: Shell, options: DemoOptions): Promise<void> => {
  say(shell, "The same company under each of five policies, on a PostgreSQL of its own. Nothing else is touched.\n\n");
  const nights = await inDirectory(shell, options.directory, async ({ directory, server, inside }) => {
    const { foundCompany } = await tools(directory, "juicyway");
    const { readBelongings } = await import("#demo/belongings.ts");
    const founded = await inside(async (context) => {
      const sample = await foundCompany(context, { customers: options.customers ?? 400, seed: options.seed });
      return { sample, belongings: await readBelongings(context, sample) };
    });
    await server.setAside();
    const done: NightShown[] = [];
    for (const policy of samplePolicies) {
      say(shell, `\n${policy}\n`);
      await server.renew();
      const { workspace, demonstrate } = await tools(directory, policy);
      const began = performance.now();
      const night = await inside((context) => demonstrate(context, workspace, { policy, ...founded, began }));
      if (night.run.outcome === "stopped") {
        throw new LetheError(
          "RUN_STOPPED",
          `the night under ${policy} was stopped on request; there is nothing to compare`,
          {
            hint: "start again: lethe demo --compare",
          },
        );
      }
      done.push(night);
    }
    return done;
  });
  const { compared, compareScreen } = await import("#demo/compare.ts");
  shell.answer(compared(nights), () => compareScreen(nights));
  if (nights.some(({ run }) => run.outcome !== "done")) shell.exitWith(5);
};

const document = ({
  policy,
  imported,
  before,
  after,
  run,
  waited,
  soft,
  effects,
  stopped,
  report,
  key,
}: NightShown) => ({
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
  stopped,
  left: effects.stays,
  remedies: effects.remedies,
  verified: { report, key },
});
