import { Command, CommanderError } from "commander";
import { makeShell, type Outcome } from "#cli/make-shell.ts";
import { errorDocument, errorText, presentable } from "#cli/report-error.ts";
import type { GlobalOptions } from "#cli/shell.ts";
import { toolVersion } from "#lib/version.ts";

// In the order of the help. Only the command that is called is loaded: the night brings databases, parsers and a
// spreadsheet writer along.
const commands = {
  demo: () => import("#cli/demo.ts"),
  rehearse: () => import("#cli/rehearse.ts"),
  init: () => import("#cli/init.ts"),
  request: () => import("#cli/request.ts"),
  hold: () => import("#cli/hold.ts"),
  task: () => import("#cli/task.ts"),
  policy: () => import("#cli/policy.ts"),
  anonymity: () => import("#cli/anonymity.ts"),
  plan: () => import("#cli/plan.ts"),
  run: () => import("#cli/run.ts"),
  schedule: () => import("#cli/schedule.ts"),
  backups: () => import("#cli/backups.ts"),
  report: () => import("#cli/report.ts"),
  register: () => import("#cli/register.ts"),
  verify: () => import("#cli/verify.ts"),
} as const;

const needed = (args: readonly string[]): (typeof commands)[keyof typeof commands][] => {
  const named = Object.entries(commands).filter(([name]) => args.includes(name));
  // Without a name: help, a suggestion for a mistyped name, or the version, which needs none.
  if (named.length === 0 && args.some((arg) => arg === "--version" || arg === "-V")) return [];
  return (named.length === 0 ? Object.entries(commands) : named).map(([, load]) => load);
};

export type Program = {
  /** Runs the command to its end, errors included: they are printed. */
  readonly run: () => Promise<void>;
  /** Prints an error as the contract says, and takes its exit status. */
  readonly fail: (error: unknown) => void;
  readonly status: () => number;
};

/** One command of `lethe`, on this process's streams, environment and working directory; `args` without the program's own name. */
export const openProgram = (args: readonly string[]): Program => {
  const program = new Command("lethe")
    .description("Forgets people on request, keeps what the law says must be kept, and proves both.")
    .version(toolVersion())
    .option("--config <file>", "the configuration", "lethe.yaml")
    .option("--json", "print exactly one JSON document on standard output", false)
    .option("--now <instant>", "the clock, for rehearsals and tests: 2026-11-02T02:00:00Z")
    .configureHelp({ showGlobalOptions: true })
    // Errors leave through `fail` below, in one form and with the contract's exit status.
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  const outcome: Outcome = { status: 0, answered: false };
  const shell = makeShell(() => program.opts<GlobalOptions>(), outcome);
  // A mistyped time is a usage error before anything is opened.
  program.hook("preAction", async () => {
    if (program.opts<GlobalOptions>().now !== undefined) await shell.now();
  });
  const fail = (error: unknown): void => {
    // Help and version have been printed.
    if (error instanceof CommanderError && error.exitCode === 0) return;
    const shown = presentable(error);
    const json = args.includes("--json") && !outcome.answered;
    if (json) process.stdout.write(`${JSON.stringify(errorDocument(shown))}\n`);
    else process.stderr.write(`${errorText(shown)}\n`);
    outcome.status = shown.exit;
  };
  return {
    run: async () => {
      try {
        const modules = await Promise.all(needed(args).map((load) => load()));
        for (const { register } of modules) register(program, shell);
        await program.parseAsync(args, { from: "user" });
      } catch (error) {
        fail(error);
      }
    },
    fail,
    status: () => outcome.status,
  };
};
