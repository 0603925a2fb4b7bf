import { existsSync } from "node:fs";
import { appendFile, lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closePool } from "#db/pool.ts";
import { assertNoWayOut } from "#drill/links.ts";
import { loadDump } from "#drill/load-dump.ts";
import { clearPlace, dataIn, drillPlace, giveAll, makePlace } from "#drill/place.ts";
import { findPrograms } from "#drill/programs.ts";
import { makeCluster, startScratch, type ScratchServer } from "#drill/server.ts";
import { plainDump } from "#test/backups/repository-files.ts";
import { debianMissing, debianBinaries, startDebianServer } from "#test/flow/debian-server.ts";
import pg from "pg";

let directory: string;
let place: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-place-"));
  place = join(directory, "drill");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await clearPlace(place);
  await rm(directory, { recursive: true });
});

test("a data directory with a link to outside of the place of the drill is not started, and nothing is written through it", async () => {
  await mkdir(join(place, "data/pg_tblspc"), { recursive: true });
  await mkdir(join(place, "files/fast"), { recursive: true });
  await symlink(join(place, "files/fast"), join(place, "data/pg_tblspc/16400"));
  await expect(assertNoWayOut(dataIn(place), place)).resolves.toBeUndefined();
  for (const [name, target] of [
    ["pg_tblspc/16401", directory],
    ["pg_wal", join(directory, "none")],
    ["pg_hba.conf", "/etc/hosts"],
  ] as const) {
    await symlink(target, join(place, "data", name));
    await expect(assertNoWayOut(dataIn(place), place)).rejects.toMatchObject({ code: "DRILL_IMPOSSIBLE" });
    await rm(join(place, "data", name));
  }
  await writeFile(join(place, "data/tablespace_map"), `16402 ${directory}\n`);
  await expect(assertNoWayOut(dataIn(place), place)).rejects.toMatchObject({ code: "DRILL_IMPOSSIBLE" });
  expect((await lstat("/etc/hosts")).isFile()).toBe(true);
});

test("the place of a drill in a directory that others use has a name of its own, and nothing else is destroyed", async () => {
  await mkdir(join(directory, "drill"));
  const drill = { directory, programs: undefined };
  const placed = drillPlace({ directory, drill });
  await mkdir(placed);
  await clearPlace(placed);
  expect(await readdir(directory)).toEqual(["drill"]);
  expect(drillPlace({ directory: `${directory}/other`, drill })).not.toBe(placed);
});

describe.skipIf(debianMissing !== undefined)("a server of a drill", () => {
  const start = async (prepare: (data: string) => Promise<void> = () => Promise.resolve()): Promise<ScratchServer> => {
    const programs = await findPrograms("0", debianBinaries);
    const account = await makePlace(place, programs);
    await makeCluster(place, programs, account, "postgres");
    await prepare(dataIn(place));
    await giveAll(account, place);
    return startScratch(place, programs, account, "postgres");
  };
  const load = async (server: ScratchServer, file: string, tablespaces = false): Promise<void> => {
    const programs = await findPrograms("0", debianBinaries);
    const { signal } = new AbortController();
    await loadDump(file, { database: "postgres", programs, server, tablespaces, signal });
  };
  const count = async (server: ScratchServer): Promise<unknown> => {
    const pool = server.pool("postgres", "drill");
    try {
      return (await pool.raw.query("select to_regclass('public.t') is not null as there")).rows;
    } finally {
      await closePool(pool);
    }
  };

  test("does not run what the live server runs when it recovers", async () => {
    const ran = join(dataIn(place), "ran");
    const server = await start(async (data) => {
      const commands = [
        "restore_command = 'false'",
        "recovery_end_command = 'touch ran'",
        "archive_cleanup_command = 'touch ran'",
      ];
      await appendFile(join(data, "postgresql.auto.conf"), `${commands.join("\n")}\n`);
      await writeFile(join(data, "recovery.signal"), "");
    });
    await server.stop();
    expect(existsSync(ran)).toBe(false);
    expect(await readFile(join(dataIn(place), "drill.log"), "utf8")).toContain("archive recovery complete");
  });

  test("is the one that gets the dump, whatever server the environment names", async () => {
    const live = await startDebianServer();
    const file = join(directory, "dump.sql");
    await writeFile(file, plainDump("x"));
    vi.stubEnv("PGHOSTADDR", "127.0.0.1");
    vi.stubEnv("PGPORT", String(live.port));
    vi.stubEnv("PGPASSWORD", live.password);
    vi.stubEnv("PGSSLMODE", "prefer");
    const server = await start();
    const pool = new pg.Pool({
      connectionString: `postgres://postgres:${live.password}@127.0.0.1:${live.port}/postgres?sslmode=disable`,
      max: 1,
    });
    try {
      await load(server, file);
      expect((await pool.query("select to_regclass('public.t') is not null as there")).rows).toEqual([
        { there: false },
      ]);
      expect(await count(server)).toEqual([{ there: true }]);
    } finally {
      await pool.end();
      await server.stop();
      await live.stop();
    }
  });

  test("has not got a dump that cannot be read to its end", async () => {
    const server = await start();
    const file = join(directory, "dump.sql.gz");
    const whole = gzipSync(plainDump("x".repeat(1000)));
    await writeFile(file, whole.subarray(0, -8));
    try {
      await expect(load(server, file)).rejects.toMatchObject({ code: "DRILL_FAILED" });
    } finally {
      await server.stop();
    }
  });

  test("takes of a dump of a whole cluster no error but of what every cluster has, and no tablespace", async () => {
    const server = await start();
    const file = join(directory, "all.sql");
    const all = (rest: string): string =>
      `--\n-- PostgreSQL database cluster dump\n--\n\nCREATE ROLE postgres;\nCREATE DATABASE postgres;\n\\connect postgres\n\n${rest}${plainDump("x")}`;
    try {
      await writeFile(file, all("CREATE TABLE early (a text);\n"));
      await expect(load(server, file, true)).rejects.toMatchObject({ code: "DRILL_IMPOSSIBLE" });
      await load(server, file);
      expect(await count(server)).toEqual([{ there: true }]);
      await writeFile(file, all("CREATE TABLE other (a no_such);\nDROP TABLE early, t;\n"));
      await expect(load(server, file)).rejects.toMatchObject({ code: "DRILL_FAILED" });
    } finally {
      await server.stop();
    }
  });
});
