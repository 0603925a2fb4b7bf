#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { makeShell, type Outcome } from "#cli/make-shell.ts";
import { errorDocument, errorText, presentable } from "#cli/report-error.ts";
import * as run from "#cli/run.ts";
import * as schedule from "#cli/schedule.ts";
import type { GlobalOptions } from "#cli/shell.ts";
import * as verify from "#cli/verify.ts";
import { toolVersion } from "#lib/version.ts";

const commands = [run, schedule, verify];

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
for (const { register } of commands) register(program, shell);

const fail = (error: unknown): void => {
  // Help and version have been printed.
  if (error instanceof CommanderError && error.exitCode === 0) return;
  const shown = presentable(error);
  const json = process.argv.includes("--json") && !outcome.answered;
  if (json) process.stdout.write(`${JSON.stringify(errorDocument(shown))}\n`);
  else process.stderr.write(`${errorText(shown)}\n`);
  outcome.status = shown.exit;
};

// Whoever reads us may close the pipe early (`lethe request list | head`): that is no failure, and a night goes on.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
// Node would print the message, which may quote data.
process.on("uncaughtException", (error) => {
  fail(error);
  process.exit(outcome.status);
});

await program.parseAsync().catch(fail);
process.exitCode = outcome.status;
