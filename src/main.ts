#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { openProgram } from "#cli/program.ts";

// A night shares its machine with the application: V8 would otherwise trade a hundred megabytes for a little speed.
setFlagsFromString("--optimize-for-size");

// Starting is most of what a night costs in which nothing is due, and most of that is compiling. What is compiled stays beside the code, in a
// folder for each user and version of Node: who may write there may change the code itself. Where nobody may, nothing is kept.
enableCompileCache(join(import.meta.dirname, "../node_modules/.cache/lethe"));

const program = openProgram(process.argv.slice(2));

// Whoever reads us may close the pipe early (`lethe request list | head`): that is no failure, and a night goes on.
process.stdout.on("error", () => undefined);
process.stderr.on("error", () => undefined);
// Node would print the message, which may quote data.
process.on("uncaughtException", (error) => {
  program.fail(error);
  process.exit(program.status());
});

await program.run();
process.exitCode = program.status();
