import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { command } from "#test/support/cli.ts";

export type Timed = {
  /** Wall time of the whole process, from its start to its end, in seconds. */
  readonly seconds: number;
  /** Peak resident memory as the kernel counts it, in megabytes. */
  readonly megabytes: number;
  /** What `--json` printed. */
  readonly document: unknown;
};

/** Runs before the program in its process and tells at its end, on descriptor 3, how much memory it took. */
const witness = `data:text/javascript,${encodeURIComponent(
  'import { writeSync } from "node:fs"; process.on("exit", () => writeSync(3, String(process.resourceUsage().maxRSS)));',
)}`;

export type Surroundings = { readonly cwd: string; readonly env: Readonly<Record<string, string>> };

/** Runs the real command line with `--json` in a process of its own and waits for it. Rejects when it fails. */
export const timeLethe = (args: readonly string[], { cwd, env }: Surroundings): Promise<Timed> => {
  const [, ...lethe] = command;
  const quiet = { LETHE_LOG: process.env["LETHE_LOG"] ?? "silent" };
  return timeNode([...lethe, "--json", ...args], { cwd, env: { ...quiet, ...env } });
};

/** The same of any program for Node that prints one JSON document. */
export const timeNode = (args: readonly string[], { cwd, env }: Surroundings): Promise<Timed> =>
  new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(process.execPath, ["--import", witness, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const output = child.stdio.slice(1).map((stream) => collect(stream as Readable));
    child.on("error", reject);
    child.on("close", (code) => {
      const seconds = (performance.now() - began) / 1000;
      const [stdout, stderr, memory] = output.map((read) => read());
      if (code !== 0) reject(new Error(`${args.join(" ")} ended with ${code}: ${stdout ?? ""}${stderr ?? ""}`));
      else resolve({ seconds, megabytes: Number(memory) / 1024, document: JSON.parse(stdout ?? "null") });
    });
  });

const collect = (stream: Readable): (() => string) => {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
};
