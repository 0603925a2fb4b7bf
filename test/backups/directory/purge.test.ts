import { spawnSync } from "node:child_process";
import { readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkBackups } from "#backups/check.ts";
import { directoryRepository } from "#backups/directory/repository.ts";
import { listBackups } from "#backups/list.ts";
import { purgeBackups } from "#backups/purge.ts";
import { reaches } from "#backups/reach.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Context } from "#context.ts";
import { closePool } from "#db/pool.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { clearPlace, dataIn, filesIn, giveAll, makePlace } from "#drill/place.ts";
import { findPrograms } from "#drill/programs.ts";
import { startScratch } from "#drill/server.ts";
import { startCluster, type Cluster } from "#test/backups/directory/cluster.ts";
import { scene, type Scene } from "#test/backups/repository-files.ts";
import { debianBinaries, debianMissing } from "#test/flow/debian-server.ts";

const now = new Date().toISOString();
const daysBefore = (days: number): string => new Date(Date.parse(now) - days * 86_400_000).toISOString().slice(0, 10);
const nameOf = (days: number): string => `base-${daysBefore(days)}T0000Z`;

describe.skipIf(debianMissing !== undefined)("base backups with an archive of the log", () => {
  let cluster: Cluster;
  let at: Scene;

  // A base backup each week, and a person who was erased 33 days ago.
  beforeAll(async () => {
    cluster = await startCluster(debianBinaries ?? "");
    at = await scene(now);
    await cluster.query(
      "create table people (email text); insert into people values ('canary@shop.example'), ('stays')",
    );
    await cluster.query("create table days (n int)");
    for (const days of [45, 38, 31, 24, 17, 10, 3]) {
      await cluster.query(`insert into days values (${days})`);
      await cluster.archive(days);
      await cluster.backup(nameOf(days), { days, args: days === 17 ? ["-Ft"] : [] });
      await cluster.archive(days);
      if (days === 38) {
        await cluster.query("delete from people where email <> 'stays'");
        await cluster.query("vacuum full people");
        await cluster.archive(33);
      }
      if (days === 24) await cluster.query("select pg_create_restore_point('between')");
    }
    await cluster.query("insert into days values (1)");
    await cluster.archive(1);
  });
  afterAll(async () => {
    await cluster.dispose();
    await at.dispose();
  });

  const context = (): Context => ({
    ...at.on(now),
    config: { ...at.on(now).config, backups: [{ ...at.backup, path: cluster.path, wal: cluster.wal }] },
  });
  const purge = async (id: string): Promise<RepositoryResult> => {
    const [result] = await purgeBackups(context(), await at.newRun(id));
    if (result === undefined) throw new Error("no result");
    return result;
  };
  const holding = (text: string): string =>
    spawnSync("grep", ["-rlF", text, cluster.path, cluster.wal], { encoding: "utf8" }).stdout;
  const segments = async (): Promise<string[]> =>
    (await readdir(cluster.wal)).filter((name) => /^[0-9A-F]{24}$/.test(name)).toSorted();

  test("nothing goes while a file of the newest one is not what it was", async () => {
    const newest = join(cluster.path, nameOf(3), "PG_VERSION");
    const bytes = await readFile(newest);
    await truncate(newest);
    const result = await purge("R1");
    await writeFile(newest, bytes);
    expect(result).toMatchObject({ purged: 0, kept: 7 });
    expect(result.exceptions.map(({ name, code }) => `${name} ${code}`)).toEqual([
      `${nameOf(3)} BACKUP_NOT_RESTORABLE`,
      `${nameOf(10)} BACKUP_LAST_GOOD`,
      "wal BACKUP_LOG_KEPT",
    ]);
    expect(holding("canary@shop.example")).not.toBe("");
  });

  test("what is past its time goes with its log, and nobody is left in it who was erased before", async () => {
    const digest = sha256Hex(await readFile(join(cluster.path, nameOf(45), "backup_manifest")));
    const before = await segments();
    const result = await purge("R2");
    expect(result).toMatchObject({ purged: 3, kept: 4, exceptions: [] });
    expect((await readdir(cluster.path)).toSorted()).toEqual([24, 17, 10, 3].map(nameOf));
    const purged = await at.entries("backup.purged");
    expect(purged.map(({ name }) => name)).toEqual([45, 38, 31].map(nameOf));
    expect(purged[0]).toMatchObject({ sha256: digest });
    const label = await readFile(join(cluster.path, nameOf(24), "backup_label"), "utf8");
    const first = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1] ?? "";
    expect(await segments()).toEqual(before.filter((name) => name >= first));
    expect(holding("canary@shop.example")).toBe("");
    const [reach] = await reaches(at.context.state.db, context().config, "R2");
    expect(new Date(reach?.oldest ?? "").toISOString().slice(0, 10)).toBe(daysBefore(24));
  });

  test("one can go back to any time since the oldest, and does", async () => {
    const [checked] = await checkBackups(context());
    expect(checked?.findings).toEqual([]);
    expect(checked?.window).toEqual({
      oldest: expect.stringContaining(daysBefore(24)),
      newest: expect.stringContaining(daysBefore(1)),
    });
    const [listed] = await listBackups(context(), "all");
    expect(listed?.sets.map(({ name, good }) => [name, good])).toEqual(
      [24, 17, 10, 3].map((days) => [nameOf(days), true]),
    );
    const question = "select array_agg(n order by n desc) as days from days";
    expect(await cluster.restore(nameOf(24), "recovery_target_name=between", question)).toEqual([
      { days: [45, 38, 31, 24] },
    ]);
    expect(await cluster.restore(nameOf(3), "recovery_target_timeline=latest", question)).toEqual([
      { days: [45, 38, 31, 24, 17, 10, 3, 1] },
    ]);
  });

  test.each([
    [3, "files", [45, 38, 31, 24, 17, 10, 3]],
    [17, "archives", [45, 38, 31, 24, 17]],
  ])("a drill restores the one of %i days ago, of %s, as it was made", async (days, _format, rows) => {
    const place = join(cluster.path, "../drill");
    const programs = await findPrograms("15", debianBinaries);
    const account = await makePlace(place, programs);
    const repository = directoryRepository({ ...at.backup, path: cluster.path, wal: cluster.wal }, "UTC");
    const { sets } = await repository.inventory(new Map());
    const set = sets.find(({ name }) => name === nameOf(days));
    const { signal } = new AbortController();
    if (set === undefined) throw new Error("not listed");
    expect(await repository.restore?.(set, { data: dataIn(place), files: filesIn(place), signal })).toEqual({
      kind: "cluster",
      data: dataIn(place),
    });
    await giveAll(account, place);
    const server = await startScratch(place, programs, account, "postgres");
    const pool = server.pool("postgres", "drill");
    expect((await pool.raw.query("select array_agg(n order by n desc) as days from days")).rows).toEqual([
      { days: rows },
    ]);
    await closePool(pool);
    await server.stop();
    await clearPlace(place);
  });

  test("a segment that is missing ends the window", async () => {
    const label = await readFile(join(cluster.path, nameOf(3), "backup_label"), "utf8");
    const first = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1] ?? "";
    const after = (await segments()).filter((name) => name > first);
    const missing = join(cluster.wal, after[0] ?? "");
    await rename(missing, `${missing}.away`);
    const [checked] = await checkBackups(context());
    expect(checked?.window?.newest).toContain(daysBefore(3));
    expect(checked?.findings.map(({ code, message }) => `${code} ${message.split(",")[0]}`)).toEqual([
      `BACKUP_FOREIGN wal/${after[0]}.away`,
    ]);
    await rename(`${missing}.away`, missing);
  });
});
