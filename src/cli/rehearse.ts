import { Option, type Command } from "commander";
import { inDirectory, positive, say, tools } from "#cli/demo-place.ts";
import type { Shell } from "#cli/shell.ts";
import { samplePolicies, type SamplePolicy } from "#demo/policies.ts";
import { LetheError } from "#lib/errors.ts";

type RehearseOptions = {
  readonly directory: string;
  readonly customers: number;
  readonly seed: number;
  readonly policy: SamplePolicy;
  readonly until: string;
  readonly everyNight?: true;
};

/** `lethe rehearse`: years of nights at the sample company, in minutes. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("rehearse")
    .description("run the nights of years at the sample company in minutes, and print what went when under which rule")
    .requiredOption("--until <date>", "the day before which the last night is: 2037-01-01")
    .option("--every-night", "run the nights in which nothing is due as well")
    .option("--directory <path>", "where the company lives; emptied first if a demo made it", ".lethe/demo")
    .option("--customers <number>", "how many customers the company has", positive, 400)
    .option("--seed <number>", "another company for another number", positive, 2026)
    .addOption(new Option("--policy <name>", "what deletion means").choices(samplePolicies).default("juicyway"))
    .action(async (options: RehearseOptions) => {
      const until = await dayOf(options.until);
      say(shell, "A sample company, on a PostgreSQL of its own. Nothing else is touched.\n\n");
      const { policy, customers, seed } = options;
      const [{ rehearse }, { rehearsalScreen, verdicts }] = await Promise.all([
        import("#rehearsal/rehearse.ts"),
        import("#rehearsal/screen.ts"),
      ]);
      const rehearsed = await inDirectory(shell, options.directory, async ({ directory, inside }) => {
        const { workspace, foundCompany } = await tools(directory, policy);
        return inside(async (context) => {
          const sample = await foundCompany(context, { customers, seed });
          return rehearse(context, workspace, { policy, sample, until, every: options.everyNight === true });
        });
      });
      shell.answer({ ...rehearsed, verdicts: verdicts(rehearsed) }, () => rehearsalScreen(rehearsed));
      if (verdicts(rehearsed).some(({ good }) => !good)) shell.exitWith(5);
    });
};

const dayOf = async (text: string) => {
  const { Temporal } = await import("temporal-polyfill");
  try {
    if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return Temporal.PlainDate.from(text);
  } catch {
    // Said below.
  }
  throw new LetheError("USAGE", "--until is no ISO date", { hint: "write it like --until 2037-01-01" });
};
