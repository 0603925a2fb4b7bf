import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";

/** `lethe schedule`: stays in the foreground and runs the jobs by cron until it is told to stop. */
export const register = (program: Command, shell: Shell): void => {
  program
    .command("schedule")
    .description("stay in the foreground and run the jobs by cron")
    .action(async () => {
      const { scheduleJobs } = await import("#cli/schedule-jobs.ts");
      const ended = await scheduleJobs(shell);
      shell.answer(ended, () => "");
    });
};
