import type { Command } from "commander";
import { findJob, jobNames, startJob } from "#cli/jobs.ts";
import { runScreen } from "#cli/run-screen.ts";
import type { Shell } from "#cli/shell.ts";

/** `lethe run [JOB]`: one job now, the whole night unless another is named. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("run")
    .description(`run one job now: ${jobNames.join(", ")}`)
    .argument("[job]", "which one", "nightly")
    .action(async (name: string) => {
      const job = await findJob(name);
      const summary = await shell.withContext((context) => startJob(context, job));
      shell.answer(summary, () => runScreen(summary));
      if (summary.outcome === "attention") shell.exitWith(5);
      if (summary.outcome === "stopped") shell.exitWith(1);
    });
};
