import { mkdir, realpath, chmod } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { chooseAccount } from "#db/embedded-account.ts";
import { adopt, type Hold, removeForeignPidFile, useLock } from "#db/embedded-adopt.ts";
import { findBinaries } from "#db/embedded-binaries.ts";
import { isCode } from "#lib/errno.ts";
import {
  type Cluster,
  initialise,
  isInitialised,
  readPassword,
  startServer,
  stopServer,
  superuser,
  sweep,
} from "#db/embedded-cluster.ts";
import { LetheError } from "#lib/errors.ts";

export type EmbeddedServer = {
  /** Connection URL of a database on the server; it carries the password. */
  url(database: string): string;
  /** Creates the database unless it is there. */
  ensureDatabase(name: string): Promise<void>;
  /** Lets go of the server, and stops it unless somebody else uses it. */
  stop(): Promise<void>;
};

/** `fsync: false` is for tests: the data does not survive a crash of the machine. */
export type EmbeddedOptions = { readonly fsync?: boolean };

/**
 * PostgreSQL 18 with its data in `<directory>/postgres/`: adopts the server that already runs there (after a crash of
 * ours, or for another command in another terminal), else starts it. Throws `EMBEDDED_FAILED`.
 */
export const startEmbedded = async (directory: string, options: EmbeddedOptions = {}): Promise<EmbeddedServer> => {
  const cluster = await prepare(directory, options.fsync ?? true);
  const password = await readPassword(cluster.directory, cluster.account);
  const hold = await holdServer(cluster);
  let stopping: Promise<void> | undefined;
  return {
    url: (database) =>
      `postgres://${superuser}:${password}@127.0.0.1:${hold.port}/${encodeURIComponent(database)}?sslmode=disable`,
    ensureDatabase: (name) => ensureDatabase(hold.client, name),
    stop: () => (stopping ??= release(cluster, hold)),
  };
};

const prepare = async (directory: string, fsync: boolean): Promise<Cluster> => {
  try {
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    // The unprivileged account that runs the server for root has to pass; what lies inside has modes of its own.
    if (made !== undefined && process.getuid?.() === 0) await chmod(directory, 0o711);
  } catch (cause) {
    throw new LetheError("EMBEDDED_FAILED", `the directory ${directory} for the embedded PostgreSQL cannot be made`, {
      hint: "make its parent writable, or set url: of your own PostgreSQL in the configuration",
      cause,
    });
  }
  const place = await realpath(directory);
  const data = join(place, "postgres");
  const binaries = await findBinaries();
  const account = await chooseAccount(place, data, binaries.postgres);
  return { directory: place, data, log: join(place, "postgres.log"), binaries, account, fsync };
};

// Each round looks again from the beginning: another process may be making, starting or stopping the server at the same
// time, the free port may have been taken, and orphans of a killed server may still hold its shared memory.
const rounds = 30;

const holdServer = async (cluster: Cluster): Promise<Hold> => {
  let cause: unknown;
  for (let round = 0; round < rounds; round += 1) {
    const hold = await adopt(cluster);
    if (hold !== undefined) return hold;
    try {
      if (!(await isInitialised(cluster.data))) await initialise(cluster);
      await removeForeignPidFile(cluster.data);
      await startServer(cluster);
      await sweep(cluster.directory);
    } catch (error) {
      if (error instanceof LetheError || isCode(error, "ENOENT", "EACCES", "ENOSPC", "EROFS"))
        throw failed(cluster, error);
      cause = error;
      await sleep(Math.min(100 * (round + 1), 1000));
    }
  }
  throw failed(cluster, cause);
};

const failed = (cluster: Cluster, cause: unknown): LetheError =>
  cause instanceof LetheError
    ? cause
    : new LetheError("EMBEDDED_FAILED", `the embedded PostgreSQL in ${cluster.directory} does not start`, {
        hint: `read ${cluster.log}; a full disk and a directory that belongs to another account are the usual causes`,
        cause,
      });

const ensureDatabase = async (client: pg.Client, name: string): Promise<void> => {
  const { rowCount } = await client.query("select from pg_database where datname = $1", [name]);
  if (rowCount === 1) return;
  await client.query(`create database ${pg.escapeIdentifier(name)}`).catch((cause: unknown) => {
    // Two processes at once: duplicate_database, or unique_violation when they are closer still.
    if (isCode(cause, "42P04", "23505")) return;
    throw new LetheError("EMBEDDED_FAILED", `the embedded PostgreSQL could not create the database ${name}`, {
      hint: "check that the disk has room, then run again",
      cause,
    });
  });
};

const release = async (cluster: Cluster, { client }: Hold): Promise<void> => {
  try {
    if (await isLastUser(client)) await stopServer(cluster);
  } catch {
    // The server is gone already, which is what was wanted, or it goes on and the next command adopts it.
  } finally {
    await client.end().catch(() => undefined);
  }
};

// With the exclusive lock in hand nobody can begin to use the server between the question and the stop.
const isLastUser = async (client: pg.Client): Promise<boolean> => {
  await client.query("select pg_advisory_unlock_shared($1)", [useLock]);
  const { rows } = await client.query<{ alone: boolean }>("select pg_try_advisory_lock($1) as alone", [useLock]);
  if (rows[0]?.alone !== true) return false;
  // Connections that were just closed take the server a moment to notice.
  for (let tries = 0; tries < 20; tries += 1) {
    const others = await client.query(
      "select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    );
    if (others.rowCount === 0) return true;
    await sleep(50);
  }
  return false;
};
