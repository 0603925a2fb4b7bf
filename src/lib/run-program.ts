import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** What a program said and how it ended. `code`: undefined where it could not be started, `-1` where a signal ended it. */
export type Ended = { readonly code: number | undefined };

/**
 * Runs a program without a shell and hands on each line that it prints, so that memory does not grow with them. What it says of errors is not
 * repeated anywhere: it may quote names and values that are nobody's business.
 */
export const runProgram = async (
  program: string,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<Ended> => {
  const child = spawn(program, args, { stdio: ["ignore", onLine === undefined ? "ignore" : "pipe", "ignore"] });
  const started = once(child, "spawn").then(
    () => true,
    () => false,
  );
  const closed = once(child, "close").catch(() => undefined);
  if (!(await started)) return { code: undefined };
  if (child.stdout !== null) {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) onLine?.(line);
  }
  await closed;
  return { code: child.exitCode ?? -1 };
};
