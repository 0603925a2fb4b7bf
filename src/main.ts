#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { openProgram } from "#cli/program.ts";

// A night shares its machine with the application: V8 would otherwise trade a hundred megabytes for a little speed.
setFlagsFromString("--optimize-for-size");

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
