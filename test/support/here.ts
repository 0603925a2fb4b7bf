import { openProgram } from "#cli/program.ts";
import type { CliOptions, Ended } from "#test/support/cli.ts";

/**
 * Runs a command of `lethe` in this process: everything of the command line but the start of a program, which takes ten
 * times as long as most commands do. One after the other, since the streams and the working directory are the process's.
 * For what kills, stops or crashes a process, and for what it reads from standard input, take `lethe` of cli.ts.
 */
export const letheHere = async (
  args: readonly string[],
  { cwd, env = {} }: Omit<CliOptions, "input"> = {},
): Promise<Ended> => {
  if (running) throw new Error("one command in this process at a time");
  running = true;
  const before = process.cwd();
  const taken = [take("stdout"), take("stderr")] as const;
  const listeners = signals.map((signal) => [signal, new Set(process.listeners(signal))] as const);
  const restored = setEnvironment({ NO_COLOR: "1", ...env });
  try {
    if (cwd !== undefined) process.chdir(cwd);
    const program = openProgram(args);
    await program.run();
    const [stdout, stderr] = taken.map(({ text }) => text()) as [string, string];
    return { code: program.status(), signal: null, stdout, stderr };
  } finally {
    process.chdir(before);
    restored();
    for (const { giveBack } of taken) giveBack();
    for (const [signal, known] of listeners) {
      for (const added of process.listeners(signal)) if (!known.has(added)) process.off(signal, added);
    }
    running = false;
  }
};

let running = false;
const signals = ["SIGTERM", "SIGINT"] as const;

/** Keeps what is written to a stream of the process. */
const take = (name: "stdout" | "stderr"): { readonly text: () => string; readonly giveBack: () => void } => {
  const stream = process[name];
  const own = Object.getOwnPropertyDescriptor(stream, "write");
  const chunks: string[] = [];
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    chunks.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    const written = rest.findLast((each) => typeof each === "function");
    if (written !== undefined) process.nextTick(written);
    return true;
  };
  const giveBack = (): void => {
    if (own === undefined) Reflect.deleteProperty(stream, "write");
    else Object.defineProperty(stream, "write", own);
  };
  return { text: () => chunks.join(""), giveBack };
};

const setEnvironment = (env: Readonly<Record<string, string>>): (() => void) => {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
};
