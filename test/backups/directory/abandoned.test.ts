import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import { startCluster, type Cluster } from "#test/backups/directory/cluster.ts";
import { scene, type Scene } from "#test/backups/repository-files.ts";
import { debianBinaries, debianMissing } from "#test/flow/debian-server.ts";

const now = new Date().toISOString();
const before = (days: number): Date => new Date(Date.parse(now) - days * 86_400_000);
const nameOf = (what: string, days: number): string => `${what}-${before(days).toISOString().slice(0, 10)}`;

describe.skipIf(debianMissing !== undefined)("a base backup whose program was killed", () => {
  let cluster: Cluster;
  let at: Scene;
  const newest = nameOf("base", 9);
  beforeAll(async () => {
    cluster = await startCluster(debianBinaries ?? "");
    await cluster.archive(40);
    await cluster.query("create table days (n int)");
    await cluster.archive(9);
    await cluster.backup(newest, { days: 9 });
    await cluster.archive(9);
  });
  afterAll(() => cluster.dispose());
  beforeEach(async () => {
    at = await scene(now);
  });
  afterEach(() => at.dispose());

  const purge = async (id: string): Promise<RepositoryResult> => {
    const context = at.on(now);
    const backups = [{ ...at.backup, path: cluster.path, wal: cluster.wal }];
    const [result] = await purgeBackups({ ...context, config: { ...context.config, backups } }, await at.newRun(id));
    if (result === undefined) throw new Error("no result");
    return result;
  };

  test.each([
    ["plain", ["--wal-method=stream"]],
    ["plain", ["--wal-method=none"]],
    ["tar", ["--format=tar"]],
    ["tar", ["--format=tar", "--gzip"]],
  ])(
    "is deleted once it is due, in %s format (%j), and the log with it that it needed; not the night it is made",
    async (what, args) => {
      const name = nameOf(what, 40);
      await cluster.abandon(name, args);
      const left = await readdir(join(cluster.path, name));
      expect(left).not.toContain("backup_manifest");
      expect(await purge("R1")).toMatchObject({ purged: 0, kept: 2 });
      expect(await readdir(join(cluster.path, name))).toEqual(left);
      for (const file of await readdir(join(cluster.path, name), { recursive: true }))
        await utimes(join(cluster.path, name, file), before(40), before(40));
      expect(await purge("R2")).toMatchObject({ purged: 1, kept: 1, exceptions: [] });
      expect(await readdir(cluster.path)).toEqual([newest]);
      expect((await at.entries("backup.purged")).map((entry) => entry["name"])).toEqual([name]);
      const label = await readFile(join(cluster.path, newest, "backup_label"), "utf8");
      const first = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1];
      expect((await readdir(cluster.wal)).filter((file) => /^[0-9A-F]{24}$/.test(file)).toSorted()[0]).toBe(first);
    },
  );
});
