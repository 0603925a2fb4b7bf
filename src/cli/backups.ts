import type { Command } from "commander";
import type { ListedRepository } from "#backups/list.ts";
import { findJob, startJob } from "#cli/jobs.ts";
import { whoDecides } from "#cli/request-arguments.ts";
import { deciding } from "#cli/request-duties.ts";
import { registerRestore } from "#cli/restore.ts";
import type { Shell } from "#cli/shell.ts";
import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { table } from "#cli/table.ts";

/** `lethe backups list`, `check`, `purge`, `drill`, `moved`, `replay` and `guard`. */
export const register = (program: Command, shell: Shell): void => {
  const backups = program
    .command("backups")
    .description("the backups that still hold what was erased, and their purge");

  backups
    .command("list")
    .description("what the repositories hold now, and when each backup will be purged")
    .option("--check", "read every backup to its end, not only the newest", false)
    .action(async ({ check }: { check: boolean }) => {
      const { listBackups } = await import("#backups/list.ts");
      const repositories = await shell.withContext((context) => listBackups(context, check ? "all" : "newest"));
      shell.answer({ repositories }, () => listScreen(repositories));
      const unreadable = repositories.some(({ exceptions }) =>
        exceptions.some(({ code }) => code === "BACKUPS_UNREADABLE"),
      );
      if (unreadable) shell.exitWith(1);
    });

  backups
    .command("check")
    .description("whether the repositories can keep what is promised, and what to change")
    .action(async () => {
      const [{ checkBackups }, { checkScreen }] = await Promise.all([
        import("#backups/check.ts"),
        import("#cli/backups-text.ts"),
      ]);
      const repositories = await shell.withContext((context) => checkBackups(context));
      shell.answer({ repositories }, () => checkScreen(repositories));
      if (repositories.some(({ findings }) => findings.length > 0)) shell.exitWith(5);
    });

  backups
    .command("purge")
    .description("purge what is past its retention, as the job `backups` does")
    .action(async () => {
      const job = await findJob("backups");
      const { summary, timeZone } = await shell.withContext(async (context) => ({
        summary: await startJob(context, job),
        timeZone: context.config.controller.timeZone,
      }));
      const { summaryText } = await import("#report/summary-text.ts");
      shell.answer(summary, () => summaryText(summary, { title: "backups", timeZone }));
      if (summary.outcome === "attention") shell.exitWith(5);
      if (summary.outcome === "stopped") shell.exitWith(1);
    });

  backups
    .command("drill")
    .description(
      "restore the newest backup into a server of its own, erase again in it, tell how long it took, destroy it",
    )
    .option("--repository <name>", "only of this repository")
    .action(async ({ repository }: { readonly repository?: string }) => {
      const [{ drillJob }, { summaryText }] = await Promise.all([
        import("#jobs/drill.ts"),
        import("#report/summary-text.ts"),
      ]);
      const { summary, timeZone } = await shell.withContext(async (context) => {
        assertRepository(context, repository);
        return {
          summary: await startJob(context, drillJob(repository)),
          timeZone: context.config.controller.timeZone,
        };
      });
      shell.answer(summary, () => summaryText(summary, { title: "drill", timeZone }));
      // Whatever else waits for a person is the night's affair.
      if (summary.drills.some(({ outcome }) => outcome !== "clean")) shell.exitWith(5);
      if (summary.outcome === "stopped") shell.exitWith(1);
    });

  deciding(backups.command("moved"))
    .description("say that nothing is left where a repository was: it is where the configuration says by now, or gone")
    .requiredOption("--repository <name>", "of which `lethe backups check` says that it moved, or is not configured")
    .action(async ({ repository, by }: { readonly repository: string; readonly by?: string }) => {
      const [{ movedBackups }, { decider }] = await Promise.all([
        import("#backups/moved.ts"),
        import("#intake/decision.ts"),
      ]);
      const moved = await shell.withContext((context) =>
        movedBackups(context, repository, { by: decider(context, whoDecides(by)) }),
      );
      const many = `${moved.sets} ${moved.sets === 1 ? "backup" : "backups"} of ${repository}`;
      shell.answer(moved, () =>
        moved.to === "nowhere"
          ? `${many} left the record, by your word`
          : `${many} will be looked for where the configuration says`,
      );
    });

  registerRestore(backups, shell);
};

const assertRepository = ({ config }: Context, name: string | undefined): void => {
  const names = config.backups.map((each) => each.name);
  if (names.length > 0 && (name === undefined || names.includes(name))) return;
  throw new LetheError("USAGE", "the configuration knows no such repository of backups", {
    hint: names.length === 0 ? "name the store's backups in it, under `backups:`" : `name one of ${names.join(", ")}`,
  });
};

/** The inventory as people read it. */
export const listScreen = (repositories: readonly ListedRepository[], width?: number): string => {
  if (repositories.length === 0) return "The configuration names no backups.";
  const rows = repositories.flatMap(({ repository, sets }) =>
    sets.map((set) => [
      repository,
      set.name,
      set.taken,
      set.ageDays,
      size(set.bytes),
      set.state,
      good(set.good),
      set.purgeOn,
    ]),
  );
  const columns = [
    { title: "repository" },
    { title: "name" },
    { title: "taken" },
    { title: "days", align: "right" as const },
    { title: "size", align: "right" as const },
    { title: "state" },
    { title: "good" },
    { title: "purge on" },
  ];
  const exceptions = repositories.flatMap(({ repository, exceptions: found }) =>
    found.map(({ name, code, breach }) => {
      const place = name === "*" ? repository : `${repository}: ${name}`;
      return `! ${code}  ${place}${breach === null ? "" : `  (breach from ${breach})`}`;
    }),
  );
  const listed = width === undefined ? table(rows, columns) : table(rows, columns, width);
  return exceptions.length === 0 ? listed : `${listed}\n\n${exceptions.join("\n")}`;
};

const good = (value: boolean | null): string => (value === null ? "" : value ? "yes" : "no");

const units = ["B", "kB", "MB", "GB", "TB"] as const;

const size = (bytes: number): string => {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
};
