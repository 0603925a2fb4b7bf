import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { PgBackRestConfig } from "#config.ts";
import { clockLibrary, stanzaBy } from "#test/backups/programs.ts";
import { account, debianBinaries, freePort } from "#test/flow/debian-server.ts";

/** A PostgreSQL of the distribution that archives into a repository of pgBackRest, both by a clock that the test sets. */
export type Cluster = {
  /** Of its database `postgres`. */
  readonly url: string;
  readonly config: PgBackRestConfig;
  readonly repository: string;
  /** Sets the clock of both back by some days. */
  readonly daysAgo: (days: number) => Promise<void>;
  readonly query: (text: string) => Promise<readonly Record<string, unknown>[]>;
  /** Makes a backup; returns its label. */
  readonly backup: (type: "full" | "diff" | "incr") => Promise<string>;
  readonly pgbackrest: (...args: readonly string[]) => Promise<void>;
  /**
   * Takes the cluster back to a time along the timeline that it is on. It serves afterwards, on a new one; or it waits there, read-only, as a server
   * does whose `recovery_target_action` nobody has set.
   */
  readonly restore: (target: string, then?: "promote" | "pause") => Promise<void>;
  /** The same, to where a transaction has just been committed; or to right before that. */
  readonly restoreTo: (xid: string, side: "inclusive" | "exclusive") => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly dispose: () => Promise<void>;
};

export const startCluster = async (): Promise<Cluster> => {
  const directory = await mkdtemp(join(tmpdir(), "lethe-pgbackrest-"));
  const who = account();
  const own = async (path: string): Promise<void> => {
    if (who.uid !== undefined && who.gid !== undefined) await chown(path, who.uid, who.gid);
    await chmod(path, 0o700);
  };
  const at = (name: string): string => join(directory, name);
  for (const name of ["", "data", "repo", "lock", "spool"]) {
    await mkdir(at(name), { recursive: true });
    await own(at(name));
  }
  const port = await freePort();
  const configFile = at("pgbackrest.conf");
  await writeFile(
    configFile,
    `[global]\nrepo1-path=${at("repo")}\nlock-path=${at("lock")}\nspool-path=${at("spool")}\nlog-level-file=off\ncompress-type=none\nstart-fast=y\nrepo1-retention-full=9999999\n\n[demo]\npg1-path=${at("data")}\npg1-port=${port}\npg1-socket-path=${directory}\npg1-user=postgres\n`,
  );
  const clock = at("clock");
  const setClock = (days: number): Promise<void> => writeFile(clock, days === 0 ? "+0" : `-${days}d`);
  await setClock(0);
  const faked = {
    LD_PRELOAD: clockLibrary,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: "1",
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
  };
  const env = { PATH: process.env["PATH"], ...faked };
  const finish = (program: string, args: readonly string[], withClock = true): Promise<void> =>
    new Promise((settle, reject) => {
      const child = spawn(program, args, {
        ...who,
        cwd: "/",
        stdio: ["ignore", "ignore", "inherit"],
        env: withClock ? env : process.env,
      });
      child.on("error", reject);
      child.on("close", (code) =>
        code === 0 ? settle() : reject(new Error(`${program} ${args[0]} ended with ${code}`)),
      );
    });
  const bin = debianBinaries ?? "";
  const initial = ["-D", at("data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"];
  await finish(join(bin, "initdb"), initial, false);
  const common = [`--config=${configFile}`, "--stanza=demo", "--log-level-console=off", "--log-level-stderr=error"];
  const settings = [
    `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${directory} -c fsync=off -c wal_level=replica`,
    `-c archive_mode=on -c archive_command='pgbackrest ${common.join(" ")} archive-push %p'`,
  ].join(" ");
  const control = (...args: readonly string[]) => finish(join(bin, "pg_ctl"), ["-D", at("data"), "-w", ...args]);
  const start = () => control("-l", at("log"), "-o", settings, "start");
  await start();
  const pgbackrest = (...args: readonly string[]) => finish("pgbackrest", [...common, ...args]);
  await pgbackrest("stanza-create");
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  pool.on("error", () => undefined);
  let ago = 0;

  // As the account whose the repository is: what another one writes there it cannot read. By its clock, but for the times of files.
  const program = at("pgbackrest");
  const lower = who.uid === undefined ? "" : `setpriv --reuid=${who.uid} --regid=${who.gid} --clear-groups `;
  const variables = Object.entries({ ...faked, NO_FAKE_STAT: "1" }).map(([name, value]) => `${name}=${value}`);
  await writeFile(program, `#!/bin/sh\nexec ${lower}env ${variables.join(" ")} pgbackrest "$@"\n`);
  await chmod(program, 0o755);

  /** Files of a repository have the kernel's time, which no clock of ours changes. */
  const dateFiles = async (): Promise<void> => {
    const now = Date.now();
    for (const path of await readdir(at("repo"), { recursive: true })) {
      const file = join(at("repo"), path);
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: 0 }));
      if (mtimeMs < now - 3_600_000) continue;
      const then = new Date(now - ago * 86_400_000);
      await utimes(file, then, then).catch(() => undefined);
    }
  };
  const query = async (text: string) => (await pool.query<Record<string, unknown>>(text)).rows;
  const until = async (condition: string): Promise<void> => {
    while ((await query(`select ${condition} as so`))[0]?.["so"] !== true) await sleep(50);
  };
  const recover = async (then: "promote" | "pause", ...target: readonly string[]): Promise<void> => {
    await control("-m", "fast", "stop");
    await pgbackrest("--delta", ...target, `--target-action=${then}`, "restore");
    await start();
    const there = { promote: "not pg_is_in_recovery()", pause: "pg_get_wal_replay_pause_state() = 'paused'" };
    await until(there[then]);
  };
  return {
    url,
    config: { ...stanzaBy(configFile), program },
    repository: at("repo"),
    daysAgo: async (days) => {
      await dateFiles();
      ago = days;
      await setClock(days);
    },
    query,
    pgbackrest,
    backup: async (type) => {
      await pgbackrest(`--type=${type}`, "backup");
      await dateFiles();
      const labels = (await readdir(join(at("repo"), "backup/demo"))).filter((name) => /^\d{8}-\d{6}F/.test(name));
      return labels.toSorted().at(-1) ?? "";
    },
    restore: (target, then = "promote") => recover(then, "--type=time", `--target=${target}`),
    restoreTo: (xid, side) =>
      recover("promote", "--type=xid", `--target=${xid}`, ...(side === "exclusive" ? ["--target-exclusive"] : [])),
    resume: async () => {
      await query("select pg_wal_replay_resume()");
      await until("not pg_is_in_recovery()");
    },
    dispose: async () => {
      await pool.end();
      await control("-m", "immediate", "stop");
      await rm(directory, { recursive: true, force: true });
    },
  };
};
