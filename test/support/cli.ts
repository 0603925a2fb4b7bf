import { spawn } from "node:child_process";
import { resolve } from "node:path";

export const repository = resolve(import.meta.dirname, "../..");
/** What `npm run lethe` starts, with this process's own Node. */
export const command: readonly string[] = [process.execPath, "-C", "source", resolve(repository, "src/main.ts")];

export type Ended = {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type CliOptions = {
  readonly cwd?: string;
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
};

/** Runs the real command line to its end. */
export const lethe = (args: readonly string[], options: CliOptions = {}): Promise<Ended> =>
  startLethe(args, options).ended;

export type Running = {
  readonly pid: number;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Standard error so far. */
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
};

/** Starts the real command line and leaves it running: for tests that stop it. */
export const startLethe = (args: readonly string[], { cwd, env, input }: CliOptions = {}): Running => {
  const [program = process.execPath, ...rest] = command;
  const child = spawn(program, [...rest, ...args], {
    cwd: cwd ?? repository,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.end(input ?? "");
  const ended = new Promise<Ended>((settle, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      settle({
        code,
        signal,
        stdout: Buffer.concat(out).toString("utf8"),
        stderr: Buffer.concat(err).toString("utf8"),
      }),
    );
  });
  return {
    pid: child.pid ?? -1,
    kill: (signal) => void child.kill(signal),
    stderr: () => Buffer.concat(err).toString("utf8"),
    ended,
  };
};
