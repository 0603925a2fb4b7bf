import type { Command } from "commander";
import { findJob, jobNames, startJob } from "#cli/jobs.ts";
import type { Shell } from "#cli/shell.ts";

/** `lethe run [JOB]`: one job now, the whole night unless another is named. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("run")
    .description(`run one job now: ${jobNames.join(", ")}`)
    .argument("[job]", "which one", "nightly")
    .action(async (name: string) => {
      const job = await findJob(name);
      const { summary, controller } = await shell.withContext(async (context) => ({
        summary: await startJob(context, job),
        controller: context.config.controller,
      }));
      const { summaryText } = await import("#report/summary-text.ts");
      const { name: company, timeZone } = controller;
      const title = `${company} · ${job.name}`;
      const colour = process.stdout.hasColors?.() ?? false;
      shell.answer(summary, () => summaryText(summary, { title, timeZone, colour }));
      if (summary.outcome === "attention") shell.exitWith(5);
      if (summary.outcome === "stopped") shell.exitWith(1);
    });
};
