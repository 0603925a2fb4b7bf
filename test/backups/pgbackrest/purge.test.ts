import { spawnSync } from "node:child_process";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pgbackrestRepository } from "#backups/pgbackrest/repository.ts";
import type { PgBackRestConfig } from "#config.ts";
import { checkBackups } from "#backups/check.ts";
import { listBackups } from "#backups/list.ts";
import { purgeBackups } from "#backups/purge.ts";
import { reaches } from "#backups/reach.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Context } from "#context.ts";
import { holdBackups } from "#holds/backups.ts";
import { releaseHolds } from "#holds/release.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { startCluster, type Cluster } from "#test/backups/pgbackrest/cluster.ts";
import { pgbackrestMissing } from "#test/backups/programs.ts";
import { scene, type Scene } from "#test/backups/repository-files.ts";

const now = new Date().toISOString();
const daysBefore = (days: number): string => new Date(Date.parse(now) - days * 86_400_000).toISOString().slice(0, 10);

describe.skipIf(pgbackrestMissing !== undefined)("a repository of pgBackRest", () => {
  let cluster: Cluster;
  let at: Scene;
  /** By the day before today on which it was made. */
  const labels = new Map<number, string>();

  // A full backup each week, a differential or incremental one in between, and a person who was erased 33 days ago.
  beforeAll(async () => {
    cluster = await startCluster();
    at = await scene(now);
    await cluster.daysAgo(45);
    await cluster.query(
      "create table people (email text); insert into people values ('canary@shop.example'), ('stays')",
    );
    for (const [days, type] of [
      [45, "full"],
      [41, "diff"],
      [38, "full"],
      [34, "incr"],
      [31, "diff"],
      [28, "full"],
      [20, "diff"],
      [10, "full"],
      [3, "incr"],
    ] as const) {
      await cluster.daysAgo(days);
      if (days === 31) await cluster.query("delete from people where email <> 'stays'; ");
      if (days === 31) await cluster.query("vacuum full people");
      await cluster.query(
        "create table if not exists days (n int); insert into days values (1); select pg_switch_wal()",
      );
      labels.set(days, await cluster.backup(type));
    }
    await cluster.daysAgo(0);
  }, 300_000);
  afterAll(async () => {
    await cluster.dispose();
    await at.dispose();
  });

  const context = (): Context => ({ ...at.on(now), config: { ...at.on(now).config, backups: [cluster.config] } });
  const purge = async (id: string): Promise<RepositoryResult> => {
    const [result] = await purgeBackups(context(), await at.newRun(id));
    if (result === undefined) throw new Error("no result");
    return result;
  };
  const inRepository = (text: string): string =>
    spawnSync("grep", ["-rlF", text, cluster.repository], { encoding: "utf8" }).stdout;
  const left = async (): Promise<readonly string[]> =>
    (await readdir(join(cluster.repository, "backup/demo"))).filter((name) => /^\d{8}-\d{6}F/.test(name)).toSorted();

  test("purges nothing where a file of the newest full backup is not what it was, and signs why", async () => {
    const newest = join(cluster.repository, "backup/demo", labels.get(10) ?? "", "pg_data/PG_VERSION");
    const bytes = await readFile(newest);
    await writeFile(newest, "99\n");
    const before = await left();
    const result = await purge("R1");
    await writeFile(newest, bytes);
    expect(result).toMatchObject({ purged: 0 });
    expect(result.exceptions.map(({ code }) => code)).toContain("BACKUP_LAST_GOOD");
    expect(await left()).toEqual(before);
    expect(inRepository("canary@shop.example")).not.toBe("");
  });

  test("keeps what a legal hold needs, the log of its time and what it builds on, and nothing else", async () => {
    const placing = { by: "counsel", matter: "AZ-7", reason: "litigation" as const };
    const range = { repository: "barn", from: undefined, to: undefined };
    const { ref, backups } = await holdBackups(context(), placing, { ...range, backup: labels.get(41) });
    expect(backups).toBe(2);
    const { purged, exceptions } = await purge("R1a");
    expect({ purged, exceptions: exceptions.map(({ name, code, breach }) => `${code} ${name} ${breach}`) }).toEqual({
      purged: 3,
      exceptions: [labels.get(45), labels.get(41), "15-1"].map((name) => `BACKUP_HELD ${name} null`),
    });
    expect(await left()).toEqual([45, 41, 28, 20, 10, 3].map((days) => labels.get(days)));
    const [listed] = await listBackups(context(), "all");
    expect(listed?.sets.map(({ good }) => good)).toEqual(Array.from({ length: 6 }, () => true));
    // What was archived after it, and before the oldest backup that stays, is gone.
    const segments = await readdir(join(cluster.repository, "archive/demo/15-1"), { recursive: true });
    const times = await Promise.all(
      segments
        .filter((name) => /[0-9A-F]{24}-/.test(name))
        .map(async (name) => (await stat(join(cluster.repository, "archive/demo/15-1", name))).mtimeMs),
    );
    const ages = times.map((time) => Math.round((Date.parse(now) - time) / 86_400_000));
    expect(ages.filter((days) => days > 28 && days < 41)).toEqual([]);
    await releaseHolds(context(), { hold: ref }, { by: "counsel" });
  });

  test("purges what is past its time with what depends on it, and the log before what stays", async () => {
    const manifest = join(cluster.repository, "backup/demo", labels.get(45) ?? "", "backup.manifest");
    const digest = sha256Hex(await readFile(manifest));
    const result = await purge("R2");
    expect(result).toMatchObject({ purged: 2, kept: 4, exceptions: [] });
    expect(await left()).toEqual([28, 20, 10, 3].map((days) => labels.get(days)));
    expect((await at.entries("backup.purged"))[3]).toMatchObject({ sha256: digest });
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual(
      [38, 34, 31, 45, 41].map((days) => labels.get(days)),
    );
    expect(inRepository("canary@shop.example")).toBe("");
    const [inventory] = (await at.entries("backup.inventory")).slice(-1) as { log: { since: string; until: string } }[];
    expect([inventory?.log.since.slice(0, 10), inventory?.log.until.slice(0, 10)]).toEqual([
      daysBefore(28),
      daysBefore(3),
    ]);
    // Whoever was erased before that is in none of it, the log included.
    const [reach] = await reaches(at.context.state.db, context().config, "R2");
    expect(new Date(reach?.oldest ?? "").toISOString().slice(0, 10)).toBe(daysBefore(28));
  });

  test("is checked: from when to when one can go back, and that its own retention keeps more", async () => {
    const [checked] = await checkBackups(context());
    expect(checked).toMatchObject({ repository: "barn", store: "shop", keepDays: 30 });
    expect(checked?.window?.oldest.slice(0, 10)).toBe(daysBefore(28));
    expect(checked?.findings.map(({ code }) => code)).toEqual(["OWN_RETENTION"]);
  });

  test.skipIf(process.getuid?.() !== 0)(
    "is checked for what root would write in it, which the account that makes the backups could not read",
    async () => {
      const codes = async (config: PgBackRestConfig) =>
        (await pgbackrestRepository(config).check?.())?.map(({ code }) => code);
      expect(await codes({ ...cluster.config, program: "pgbackrest" })).toContain("PROGRAM_AS_ROOT");
      expect(await codes(cluster.config)).not.toContain("PROGRAM_AS_ROOT");
    },
  );

  test("lists what is there, and that it can be restored from", async () => {
    const [listed] = await listBackups(context(), "all");
    expect(listed?.sets.map(({ name, good }) => [name, good])).toEqual(
      [28, 20, 10, 3].map((days) => [labels.get(days), true]),
    );
  });
});
