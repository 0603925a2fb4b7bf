import { execFile } from "node:child_process";
import { readFile, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import type { Cluster } from "#db/embedded-cluster.ts";
import { superuser } from "#db/embedded-cluster.ts";
import { isCode } from "#lib/errno.ts";

const execute = promisify(execFile);

/** A connection to the server that holds a shared lock for as long as this process uses the server. */
export type Hold = { readonly client: pg.Client; readonly port: number };

// Session-level advisory lock in the database postgres: shared by everyone who uses the server, exclusive for stopping it.
export const useLock = 0x1e_7e;

/**
 * Connects to the server that runs on this data directory; undefined when there is none that answers (yet). The pid and
 * the port in postmaster.pid may belong to anybody after a crash, so neither is believed: the process must be a
 * PostgreSQL on this directory before the password is offered, and the server must name the directory itself.
 */
export const adopt = async (cluster: Cluster): Promise<Hold | undefined> => {
  const found = await readPidFile(cluster.data);
  if (found === undefined || !(await isPostmaster(found.pid, cluster.data))) return undefined;
  const password = await readFile(join(cluster.directory, "postgres.password"), "utf8");
  const client = new pg.Client({
    host: "127.0.0.1",
    port: found.port,
    user: superuser,
    password: password.trim(),
    database: "postgres",
    ssl: false,
    application_name: "lethe embedded",
    connectionTimeoutMillis: 5000,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    // Blocks while somebody is stopping the server, and then breaks with it.
    await client.query("select pg_advisory_lock_shared($1)", [useLock]);
    const { rows } = await client.query<{ data_directory: string }>("show data_directory");
    if ((await realpath(rows[0]?.data_directory ?? "")) === cluster.data) return { client, port: found.port };
  } catch {
    // starting up, shutting down, or not ours: the caller looks again
  }
  await client.end().catch(() => undefined);
  return undefined;
};

/**
 * PostgreSQL will not start while postmaster.pid names a living process of the same user, even when a reboot has given
 * that number to something else. Then, and only then, the file is removed.
 */
export const removeForeignPidFile = async (data: string): Promise<void> => {
  const found = await readPidFile(data);
  if (found === undefined || !isAlive(found.pid) || (await isPostmaster(found.pid, data))) return;
  await rm(join(data, "postmaster.pid"), { force: true });
};

// Lines of postmaster.pid: pid, data directory, start time, port, …
const readPidFile = async (data: string): Promise<{ pid: number; port: number } | undefined> => {
  const text = await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "");
  const lines = text.split("\n");
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return Number.isSafeInteger(pid) && pid > 0 ? { pid, port: Number.isSafeInteger(port) ? port : 0 } : undefined;
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM");
  }
};

/** Whether a process is the PostgreSQL that runs on `data`: its number may be another's by now. */
export const isPostmaster = async (pid: number, data: string): Promise<boolean> => {
  const command = await commandOf(pid);
  // A backend rewrites its title to `postgres: …`, and so does not carry the directory.
  return command.includes("postgres") && command.includes(data);
};

const commandOf = async (pid: number): Promise<string> => {
  const linux = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  if (linux !== undefined) return linux.replaceAll("\0", " ");
  if (process.platform === "linux") return "";
  const listed = await execute("ps", ["-o", "args=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
  return listed.stdout;
};
