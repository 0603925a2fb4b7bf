import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** How a program ended. `code`: undefined where it could not be started, `-1` where a signal ended it. */
export type Ended = { readonly code: number | undefined };

export type ProgramOptions = {
  /** Reads what it prints to the end; without it nobody does. */
  readonly read?: (output: Readable) => Promise<void>;
  /** Reads what it says of errors, to the end. Of that nothing may go anywhere but what cannot quote. */
  readonly readErrors?: (errors: Readable) => Promise<void>;
  /** Writes what it reads, to the end; without it there is nothing to read. */
  readonly write?: (input: Writable) => Promise<void>;
  /** Beside our own environment: what must not stand among arguments, which all accounts of a machine see. */
  readonly env?: Readonly<Record<string, string>>;
  /** Another account, where we are root: what a program reads may tell it what to do. */
  readonly as?: { readonly uid: number; readonly gid: number } | undefined;
  /** Nothing of our own environment but PATH: PGHOSTADDR, PGSERVICE or PGPORT there take a program of PostgreSQL to another server than its arguments say. */
  readonly bare?: true;
  /** Ends it, as by a person who stops it. */
  readonly signal?: AbortSignal;
};

/** Runs a program without a shell. What it says of errors is not repeated anywhere: it may quote names and values that are nobody's business. */
export const runProgram = async (
  program: string,
  args: readonly string[],
  { read, readErrors, write, env, as, bare, signal }: ProgramOptions = {},
): Promise<Ended> => {
  const child = spawn(program, args, {
    ...(as === undefined ? {} : { uid: as.uid, gid: as.gid, cwd: "/" }),
    stdio: [
      write === undefined ? "ignore" : "pipe",
      read === undefined ? "ignore" : "pipe",
      readErrors === undefined ? "ignore" : "pipe",
    ],
    env: { ...(bare === true ? { PATH: process.env["PATH"], LC_ALL: "C" } : process.env), ...env },
  });
  const started = once(child, "spawn").then(
    () => true,
    () => false,
  );
  const closed = once(child, "close").catch(() => undefined);
  if (!(await started)) return { code: undefined };
  const stop = (): void => void child.kill("SIGTERM");
  if (signal?.aborted === true) stop();
  signal?.addEventListener("abort", stop);
  // One that ends before it has read everything says why by how it ends.
  const written = child.stdin === null ? undefined : write?.(child.stdin).catch(() => undefined);
  const errors = child.stderr === null ? undefined : readErrors?.(child.stderr);
  if (child.stdout !== null) await read?.(child.stdout);
  await errors;
  await written;
  await closed;
  signal?.removeEventListener("abort", stop);
  return { code: child.exitCode ?? -1 };
};

/** Hands on line by line, so that memory does not grow with them. */
export const eachLine =
  (onLine: (line: string) => void) =>
  async (output: Readable): Promise<void> => {
    for await (const line of createInterface({ input: output, crlfDelay: Infinity })) onLine(line);
  };
