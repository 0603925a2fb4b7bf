import { appendFile, chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { runAs, type Account } from "#db/embedded-account.ts";
import { closePool, openPool, type Pool } from "#db/pool.ts";
import { dataIn, give } from "#drill/place.ts";
import type { Programs } from "#drill/programs.ts";
import { LetheError } from "#lib/errors.ts";

/** A server that only this account reaches. */
export type ScratchServer = {
  /** Who runs it. */
  readonly account: Account;
  readonly superuser: string;
  /** Socket directory, for programs of PostgreSQL. */
  readonly socket: string;
  readonly port: string;
  readonly pool: (database: string, label: string) => Pool;
  readonly stop: () => Promise<void>;
};

/** Makes an empty cluster, for a dump. */
export const makeCluster = async (
  place: string,
  programs: Programs,
  account: Account,
  superuser: string,
): Promise<void> => {
  const args = ["-D", dataIn(place), "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"];
  await runAs(account, programs.initdb, args).catch((cause: unknown) => {
    throw failed("an empty server for the drill cannot be made", cause);
  });
};

/** Part of the socket's name: said everywhere, since PGPORT may say another. */
const port = "5432";

/** An hour of log to recover through is usual, a day of it is not. */
const recoverySeconds = 6 * 3_600;

/** Starts the server in `dataIn(place)`; of a restored one, recovery is over when this returns. */
export const startScratch = async (
  place: string,
  programs: Programs,
  account: Account,
  superuser: string,
): Promise<ScratchServer> => {
  const data = dataIn(place);
  // A path of a socket has at most some hundred bytes, so that it cannot lie where the data does.
  const socket = await mkdtemp(join(tmpdir(), "lethe-drill-"));
  await chmod(socket, 0o700);
  await give(account, socket);
  await configure(data, socket);
  for (const file of ["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "postgresql.auto.conf"])
    await give(account, join(data, file));
  const control = (...args: readonly string[]): Promise<void> =>
    runAs(account, programs.pg_ctl, ["-D", data, "-w", "-s", ...args]);
  try {
    await control("-l", join(data, "drill.log"), "-t", String(recoverySeconds), "start");
  } catch (cause) {
    await rm(socket, { recursive: true, force: true });
    throw failed("the server that was restored does not start", cause);
  }
  const server: ScratchServer = {
    account,
    superuser,
    socket,
    port,
    pool: (database, label) =>
      openPool({
        url: `postgres://${encodeURIComponent(superuser)}@/${encodeURIComponent(database)}?host=${encodeURIComponent(socket)}&port=${port}&sslmode=disable`,
        applicationName: "lethe drill",
        label,
      }),
    stop: async () => {
      await control("-m", "immediate", "-t", "60", "stop").catch(() => undefined);
      await rm(socket, { recursive: true, force: true });
    },
  };
  await untilRecovered(server);
  return server;
};

/** `pg_ctl` says that a server is there when it begins to recover; until that is over nobody gets in. */
const untilRecovered = async (server: ScratchServer): Promise<void> => {
  const until = performance.now() + recoverySeconds * 1000;
  const pool = server.pool("postgres", "drill");
  try {
    for (;;) {
      try {
        await pool.raw.query("select");
        return;
      } catch (error) {
        const recovers = error instanceof pg.DatabaseError && error.code === "57P03";
        if (recovers && performance.now() < until) await sleep(100);
        else throw error;
      }
    }
  } catch (cause) {
    await server.stop();
    throw failed("the server that was restored does not recover", cause);
  } finally {
    await closePool(pool);
  }
};

/**
 * Its own configuration may lie elsewhere, ask for more memory than there is, load what is not installed here, and act on others: jobs, archives,
 * subscriptions. What comes last in `postgresql.auto.conf` holds; what a tool wrote there about recovery stays.
 */
const configure = async (data: string, socket: string): Promise<void> => {
  // Files copied from under a server that runs say so, and name its process.
  await rm(join(data, "postmaster.pid"), { force: true });
  // Of a backup of a replica: it would wait for a server to follow.
  await rm(join(data, "standby.signal"), { force: true });
  await writeFile(join(data, "postgresql.conf"), "");
  await writeFile(join(data, "pg_hba.conf"), "local all all trust\n");
  await writeFile(join(data, "pg_ident.conf"), "");
  const settings = {
    listen_addresses: "",
    unix_socket_directories: socket,
    unix_socket_permissions: "0700",
    port,
    ssl: "off",
    hot_standby: "off",
    archive_mode: "off",
    // The live server's own: they delete from its archive, or tell others that it has recovered.
    archive_cleanup_command: "",
    recovery_end_command: "",
    primary_conninfo: "",
    shared_preload_libraries: "",
    session_preload_libraries: "",
    local_preload_libraries: "",
    max_logical_replication_workers: "0",
    max_prepared_transactions: "64",
    max_connections: "40",
    shared_buffers: "128MB",
    huge_pages: "off",
    autovacuum: "off",
    fsync: "off",
    synchronous_commit: "off",
    synchronous_standby_names: "",
    full_page_writes: "off",
    logging_collector: "off",
    log_destination: "stderr",
    log_statement: "none",
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
    log_min_duration_statement: "-1",
    timezone: "UTC",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  await appendFile(join(data, "postgresql.auto.conf"), lines.join(""));
};

/** Ways into other databases: a trigger or a foreign table must not carry what happens here to where it counts. */
export const cutOff = async (pool: Pool): Promise<void> => {
  const { rows } = await pool.raw.query<{ role: string; server: string }>(
    "select coalesce(usename, 'public') as role, srvname as server from pg_user_mappings",
  );
  for (const { role, server } of rows) {
    const who = role === "public" ? "public" : pg.escapeIdentifier(role);
    await pool.raw.query(`drop user mapping for ${who} server ${pg.escapeIdentifier(server)}`);
  }
};

const failed = (what: string, cause: unknown): LetheError =>
  new LetheError("DRILL_FAILED", what, {
    hint: "restore the backup by hand to see why: this is what you would meet in an emergency",
    cause,
  });
