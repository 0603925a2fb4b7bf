import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { openColumnClient, type ColumnClient } from "#clickhouse/client.ts";

/** ClickHouse in a process of its own, on a free port of loopback. */
export type ClickHouseServer = {
  readonly url: string;
  readonly client: ColumnClient;
  readonly kill: () => Promise<void>;
  /** On the same directory and the same port. */
  readonly start: () => Promise<void>;
};

/** `zone`: the server's time zone, an IANA name. */
export const startClickHouse = async (directory: string, database: string, zone = "UTC"): Promise<ClickHouseServer> => {
  let { child, port } = await startProcess(directory, 0, zone);
  const url = `http://127.0.0.1:${port}`;
  const location = { url, database };
  const client = openColumnClient({ location, label: "events", statementTimeoutMs: 60_000 });
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  const start = async (): Promise<void> => {
    ({ child, port } = await startProcess(directory, port, zone));
  };
  return { url: `${url}/${database}`, client, kill, start };
};

const startProcess = async (
  directory: string,
  wanted: number,
  zone: string,
): Promise<{ child: ChildProcess; port: number }> => {
  const program = resolve(import.meta.dirname, "server-process.ts");
  const child = spawn(process.execPath, ["-C", "source", program, directory, String(wanted)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TZ: zone },
  });
  for await (const line of createInterface({ input: child.stdout })) return { child, port: Number(line) };
  throw new Error("ClickHouse did not start");
};
