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
      const { summary, title } = await shell.withContext(async (context) => {
        const { controller } = context.config;
        return { summary: await startJob(context, job), title: `${controller.name} · ${job.name}` };
      });
      const { summaryText } = await import("#report/summary-text.ts");
      shell.answer(summary, () => summaryText(summary, { title, colour: process.stdout.hasColors?.() ?? false }));
      if (summary.outcome === "attention") shell.exitWith(5);
      if (summary.outcome === "stopped") shell.exitWith(1);
    });
};
