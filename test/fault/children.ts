import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { NightOrder } from "#test/fault/night.ts";

export type Fate = {
  readonly signal: NodeJS.Signals | null;
  /** What the night came to, when it was not killed before its end. */
  readonly said: unknown;
  /** Milliseconds from the order to the end. */
  readonly took: number;
};

export type Killing = { readonly fault?: string; readonly afterMs?: number };

/** Processes of a script that have loaded the program and wait: what a test kills is a night, not the loading of its modules. */
export class Children<Order extends object = NightOrder> implements AsyncDisposable {
  readonly #waiting: Promise<ChildProcess>[] = [];
  readonly #ahead: number;
  readonly #script: string;

  constructor(ahead: number, script = join(import.meta.dirname, "night-process.ts")) {
    this.#ahead = ahead;
    this.#script = script;
  }

  /** Runs one night, or what else the script does, and kills it where or when it is told. */
  async night(order: Order, killing: Killing = {}): Promise<Fate> {
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
    while (this.#waiting.length <= this.#ahead) this.#waiting.push(start(this.#script));
    return this.#waiting.shift() ?? start(this.#script);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of await Promise.all(this.#waiting)) child.kill("SIGKILL");
  }
}

const start = async (script: string): Promise<ChildProcess> => {
  const child = fork(script, [], {
    execArgv: ["-C", "source"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await once(child, "message");
  return child;
};
