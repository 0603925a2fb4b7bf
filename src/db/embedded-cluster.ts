import { randomBytes } from "node:crypto";
import { chmod, chown, link, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Account, runAs } from "#db/embedded-account.ts";
import type { Binaries } from "#db/embedded-binaries.ts";
import { isCode } from "#lib/errno.ts";
import { LetheError } from "#lib/errors.ts";

/** One data directory and what belongs to it. */
export type Cluster = {
  readonly directory: string;
  /** `<directory>/postgres` */
  readonly data: string;
  readonly log: string;
  readonly binaries: Binaries;
  readonly account: Account;
  readonly fsync: boolean;
};

export const superuser = "lethe";
export const passwordFile = (directory: string): string => join(directory, "postgres.password");

/** Reads the password of the superuser, making it on first use. Two processes that make it at once end with the same one. */
export const readPassword = async (directory: string, account: Account): Promise<string> => {
  const path = passwordFile(directory);
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const present = await readFile(path, "utf8").catch((error: unknown) => {
      if (isCode(error, "ENOENT")) return undefined;
      throw error;
    });
    if (present !== undefined) return present.trim();
    await writeFile(temporary, `${randomBytes(24).toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    await give(account, temporary);
    await link(temporary, path).catch((error: unknown) => {
      if (!isCode(error, "EEXIST")) throw error;
    });
    return (await readFile(path, "utf8")).trim();
  } catch (cause) {
    if (!isCode(cause, "EACCES", "EPERM", "EROFS")) throw cause;
    throw new LetheError("EMBEDDED_FAILED", `this account may not use the embedded PostgreSQL in ${directory}`, {
      hint: "run Lethe as the account that made the directory (perhaps root), or remove the directory and start afresh",
      cause,
    });
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
};

const give = async (account: Account, path: string): Promise<void> => {
  if (account.kind === "lowered") await chown(path, account.uid, account.gid);
};

/** Whether the data directory is there; throws `EMBEDDED_FAILED` when it is another major version's. */
export const isInitialised = async (data: string): Promise<boolean> => {
  const version = await readFile(join(data, "PG_VERSION"), "utf8").catch((error: unknown) => {
    if (isCode(error, "ENOENT")) return undefined;
    throw new LetheError("EMBEDDED_FAILED", `the data of the embedded PostgreSQL in ${data} cannot be read`, {
      hint: "run Lethe as the account that made the directory (perhaps root), or remove the directory and start afresh",
      cause: error,
    });
  });
  if (version !== undefined && version.trim() !== "18") {
    throw new LetheError("EMBEDDED_FAILED", `the data in ${data} belongs to PostgreSQL ${version.trim()}, this is 18`, {
      hint: "dump it with that version and restore it here, or point embedded stores at another directory",
    });
  }
  return version !== undefined;
};

/** Makes the data directory beside its place and renames it: a crash in between leaves nothing half made. */
export const initialise = async (cluster: Cluster): Promise<void> => {
  const temporary = join(cluster.directory, `postgres.init-${randomBytes(6).toString("hex")}`);
  try {
    await mkdir(temporary, { mode: 0o700 });
    await give(cluster.account, temporary);
    const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
    const access = [`--username=${superuser}`, "--auth=scram-sha-256", `--pwfile=${passwordFile(cluster.directory)}`];
    const sync = cluster.fsync ? [] : ["--no-sync"];
    await runAs(cluster.account, cluster.binaries.initdb, ["-D", temporary, ...locale, ...access, ...sync]);
    await rename(temporary, cluster.data);
  } catch (error) {
    // Another process was first: its data directory is as good as ours, which its sweep may have taken away under us.
    if (!(await isInitialised(cluster.data))) throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
};

/** Removes what a crash inside `initialise` left. Whoever is in there now finds a finished data directory when it looks again. */
export const sweep = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    if (name.startsWith("postgres.init-")) await rm(join(directory, name), { recursive: true, force: true });
  }
};

/**
 * No setting may let a row's values into the server's log (a duplicate-key error prints the row): no statement, no
 * detail, no parameters. Reached over 127.0.0.1 only; a socket file would need a directory that both accounts may enter.
 */
const settings = (port: number, fsync: boolean): readonly string[] => [
  `port=${port}`,
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "password_encryption=scram-sha-256",
  "logging_collector=off",
  "log_statement=none",
  "log_min_error_statement=panic",
  "log_error_verbosity=terse",
  "log_parameter_max_length=0",
  "log_parameter_max_length_on_error=0",
  "log_min_duration_statement=-1",
  "timezone=UTC",
  "log_timezone=UTC",
  ...(fsync ? [] : ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]),
];

/**
 * Starts the server and waits until it answers. It gets a session of its own (pg_ctl), so that neither Ctrl-C nor a
 * crash of ours reaches it. Rejects when it does not start; the reason is in the log file.
 */
export const startServer = async (cluster: Cluster): Promise<void> => {
  const port = await freePort();
  await writeFile(cluster.log, "", { mode: 0o600, flag: "a" });
  await chmod(cluster.log, 0o600);
  await give(cluster.account, cluster.log);
  if ((await stat(cluster.log)).size > 2 ** 20) await truncate(cluster.log);
  const options = settings(port, cluster.fsync)
    .map((setting) => `-c ${setting}`)
    .join(" ");
  const args = ["start", "-w", "-t", "60", "-s", "-D", cluster.data, "-l", cluster.log, "-o", options];
  await runAs(cluster.account, cluster.binaries.pg_ctl, args);
};

export const stopServer = (cluster: Cluster): Promise<void> =>
  runAs(cluster.account, cluster.binaries.pg_ctl, ["stop", "-m", "fast", "-w", "-t", "60", "-s", "-D", cluster.data]);

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
