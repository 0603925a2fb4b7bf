import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import type { NightOrder } from "#test/fault/night.ts";

export type Fate = {
  readonly signal: NodeJS.Signals | null;
  /** What the night came to, when it was not killed before its end. */
  readonly said: unknown;
  /** Milliseconds from the order to the end. */
  readonly took: number;
};

export type Killing = { readonly fault?: string; readonly afterMs?: number };

/** Processes that have loaded the program and wait: what a test kills is a night, not the loading of its modules. */
export class Children implements AsyncDisposable {
  readonly #waiting: Promise<ChildProcess>[] = [];
  readonly #ahead: number;

  constructor(ahead: number) {
    this.#ahead = ahead;
  }

  /** Runs one night and kills it where or when it is told. */
  async night(order: NightOrder, killing: Killing = {}): Promise<Fate> {
    const child = await this.#next();
    let said: unknown;
    child.on("message", (message) => (said = message));
    const closed = once(child, "close");
    const started = performance.now();
    child.send({ ...order, fault: killing.fault });
    if (killing.afterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killing.afterMs).unref();
    await closed;
    return { signal: child.signalCode, said, took: performance.now() - started };
  }

  #next(): Promise<ChildProcess> {
    while (this.#waiting.length <= this.#ahead) this.#waiting.push(start());
    return this.#waiting.shift() ?? start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of await Promise.all(this.#waiting)) child.kill("SIGKILL");
  }
}

const start = async (): Promise<ChildProcess> => {
  const child = fork(resolve(import.meta.dirname, "night-process.ts"), [], {
    execArgv: ["-C", "source"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await once(child, "message");
  return child;
};
