import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { account, freePort } from "#test/flow/debian-server.ts";

/** A PostgreSQL that copies its write-ahead log into a directory, and base backups beside it. */
export type Cluster = {
  /** Directory of the base backups. */
  readonly path: string;
  /** Directory of the archived log. */
  readonly wal: string;
  readonly query: (text: string) => Promise<readonly Record<string, unknown>[]>;
  /** Makes a base backup of this name; every file of it, and every segment that came to the archive, gets a time so many days ago. */
  readonly backup: (
    name: string,
    options?: { readonly days?: number; readonly args?: readonly string[] },
  ) => Promise<void>;
  /** Begins a base backup and kills it once it has its label. */
  readonly abandon: (name: string, args: readonly string[]) => Promise<void>;
  /** Waits until all of the log is in the archive, and dates it. */
  readonly archive: (days?: number) => Promise<void>;
  readonly run: (program: string, ...args: readonly string[]) => Promise<void>;
  /** Starts a server on a copy of a base backup, with the archive, and returns what it answers once it has recovered. */
  readonly restore: (name: string, target: string, question: string) => Promise<readonly Record<string, unknown>[]>;
  readonly dispose: () => Promise<void>;
};

/** With the programs in the directory `bin`. */
export const startCluster = async (bin: string, settings = ""): Promise<Cluster> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-base-"));
  const who = account();
  const at = (name: string): string => join(directory, name);
  const own = async (path: string): Promise<void> => {
    if (who.uid !== undefined && who.gid !== undefined) await chown(path, who.uid, who.gid);
    await chmod(path, 0o700);
  };
  for (const name of ["", "data", "backups", "wal", "restored"]) {
    await mkdir(at(name), { recursive: true });
    await own(at(name));
  }
  const run = (program: string, ...args: readonly string[]): Promise<void> =>
    new Promise((settle, reject) => {
      const child = spawn(join(bin, program), args, { ...who, cwd: "/", stdio: "ignore" });
      child.on("error", reject);
      child.on("close", (code) => (code === 0 ? settle() : reject(new Error(`${program} ended with ${code}`))));
    });
  await run("initdb", "-D", at("data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N");
  const start = async (
    data: string,
    options: string,
  ): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> => {
    const port = await freePort();
    const common = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`;
    await run("pg_ctl", "-D", data, "-w", "-l", `${data}.log`, "-o", `${common} ${options}`, "start");
    return { port, stop: () => run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop") };
  };
  const archiving = `-c wal_level=replica -c archive_mode=on -c archive_command='cp %p ${at("wal")}/%f' ${settings}`;
  const server = await start(at("data"), archiving);
  const client = { host: "127.0.0.1", user: "postgres", database: "postgres", max: 1 };
  const pool = new pg.Pool({ ...client, port: server.port });
  const query = async (text: string) => (await pool.query<Record<string, unknown>>(text)).rows;

  const began = Date.now();
  /** All files that nobody dated before. */
  const date = async (root: string, days: number): Promise<void> => {
    const then = new Date(Date.now() - days * 86_400_000);
    for (const path of await readdir(root, { recursive: true })) {
      const found = await stat(join(root, path));
      if (found.isFile() && found.mtimeMs > began - 3_600_000) await utimes(join(root, path), then, then);
    }
  };
  const archive = async (days = 0): Promise<void> => {
    const [{ last } = {}] = await query("select pg_walfile_name(pg_switch_wal() - 1) as last");
    for (let archived = ""; archived < String(last); await wait(50)) {
      const [{ name } = {}] = await query("select coalesce(last_archived_wal, '') as name from pg_stat_archiver");
      archived = String(name);
    }
    if (days > 0) await date(at("wal"), days);
  };
  return {
    path: at("backups"),
    wal: at("wal"),
    query,
    run,
    archive,
    backup: async (name, { days = 0, args = [] } = {}) => {
      const to = join(at("backups"), name);
      await run(
        "pg_basebackup",
        "-h",
        "127.0.0.1",
        "-p",
        String(server.port),
        "-U",
        "postgres",
        "-c",
        "fast",
        "-D",
        to,
        ...args,
      );
      if (days > 0) await date(to, days);
    },
    abandon: async (name, args) => {
      const to = join(at("backups"), name);
      const slowly = ["-c", "fast", "--max-rate=1M", ...args];
      const common = ["-h", "127.0.0.1", "-p", String(server.port), "-U", "postgres", "-D", to, ...slowly];
      const child = spawn(join(bin, "pg_basebackup"), common, { ...who, cwd: "/", stdio: "ignore" });
      const closed = once(child, "close");
      const isBegun = async (): Promise<boolean> => {
        const found = await Promise.all(
          ["PG_VERSION", "base.tar", "base.tar.gz"].map((file) => stat(join(to, file)).catch(() => undefined)),
        );
        return found.some((file) => file !== undefined && file.size > 0);
      };
      while (child.exitCode === null && !(await isBegun())) await wait(20);
      child.kill("SIGKILL");
      await closed;
    },
    restore: async (name, target, question) => {
      const data = at(`restored/${name}`);
      await cp(join(at("backups"), name), data, { recursive: true });
      for (const path of ["", ...(await readdir(data, { recursive: true }))]) {
        if (who.uid !== undefined && who.gid !== undefined) await chown(join(data, path), who.uid, who.gid);
      }
      await writeFile(join(data, "recovery.signal"), "");
      const recovery = `-c restore_command='cp ${at("wal")}/%f %p' -c ${target} -c recovery_target_action=promote -c archive_mode=off`;
      const restored = await start(data, recovery);
      const other = new pg.Pool({ ...client, port: restored.port });
      try {
        while ((await other.query<{ in: boolean }>("select pg_is_in_recovery() as in")).rows[0]?.in !== false)
          await wait(50);
        return (await other.query<Record<string, unknown>>(question)).rows;
      } finally {
        await other.end();
        await restored.stop();
      }
    },
    dispose: async () => {
      await pool.end();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
