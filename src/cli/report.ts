import { resolve } from "node:path";
import type { Command } from "commander";
import type { Shell } from "#cli/shell.ts";
import { table } from "#cli/table.ts";

/** `lethe report export` and `lethe report list`. */
export const register = (program: Command, shell: Shell): void => {
  const report = program.command("report").description("signed reports: list them, or export a period for an auditor");
  report
    .command("export")
    .description("write one signed bundle over all runs that ended in a period")
    .requiredOption("--from <day>", "first day, YYYY-MM-DD")
    .requiredOption("--to <day>", "last day, YYYY-MM-DD")
    .requiredOption("--out <dir>", "the directory of the bundle; must not exist yet")
    .action(async ({ from, to, out }: { from: string; to: string; out: string }) => {
      const [{ exportPeriod }, { assertStateIsNewest }] = await Promise.all([
        import("#report/export-period.ts"),
        import("#report/own-state.ts"),
      ]);
      const directory = resolve(out);
      const { runs } = await shell.withContext(async (context) => {
        await assertStateIsNewest(context);
        return exportPeriod(context, { from, to }, directory);
      });
      shell.answer({ report: directory, from, to, runs }, () =>
        [`${runs} ${runs === 1 ? "run" : "runs"} from ${from} to ${to}`, directory].join("\n"),
      );
    });
  report
    .command("list")
    .description("the runs that ended, the latest first, and where their bundles are")
    .option("--limit <n>", "at most this many", "30")
    .action(async ({ limit }: { limit: string }) => {
      const { listReports } = await import("#report/list-reports.ts");
      const reports = await shell.withContext((context) => listReports(context, limit));
      shell.answer({ reports }, () =>
        reports.length === 0
          ? "No run has ended yet."
          : table(
              reports.map((run) => [run.ended, run.job, run.outcome, run.bundle ?? "not published yet"]),
              [{ title: "ended" }, { title: "job" }, { title: "outcome" }, { title: "bundle" }],
            ),
      );
    });
};
