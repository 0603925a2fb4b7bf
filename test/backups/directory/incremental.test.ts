import { readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listBackups } from "#backups/list.ts";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Context } from "#context.ts";
import { startCluster, type Cluster } from "#test/backups/directory/cluster.ts";
import { incrementalBinaries, incrementalMissing } from "#test/backups/programs.ts";
import { scene, type Scene } from "#test/backups/repository-files.ts";

const now = new Date().toISOString();
const nameOf = (days: number): string =>
  `base-${new Date(Date.parse(now) - days * 86_400_000).toISOString().slice(0, 10)}T0000Z`;

describe.skipIf(incrementalMissing !== undefined)("incremental base backups", () => {
  let cluster: Cluster;
  let at: Scene;
  const pathOf = (days: number): string => join(cluster.path, nameOf(days));

  // Each builds on the one before, but for two full ones.
  beforeAll(async () => {
    cluster = await startCluster(incrementalBinaries ?? "", "-c summarize_wal=on");
    at = await scene(now);
    await cluster.query("create table days (n int)");
    for (const [days, ...args] of [
      [40],
      [34, "--incremental", 40],
      [28, "--incremental", 34, "-Ft"],
      [20],
      [12, "--incremental", 20, "-Ft", "-z"],
      [4, "--incremental", 12],
    ] as const) {
      await cluster.query(`insert into days values (${days})`);
      const options = args.map((arg) => (typeof arg === "number" ? join(pathOf(arg), "backup_manifest") : arg));
      await cluster.backup(nameOf(days), { days, args: options });
    }
  });
  afterAll(async () => {
    await cluster.dispose();
    await at.dispose();
  });

  const context = (): Context => ({
    ...at.on(now),
    config: { ...at.on(now).config, backups: [{ ...at.backup, path: cluster.path }] },
  });
  const purge = async (id: string): Promise<RepositoryResult> => {
    const [result] = await purgeBackups(context(), await at.newRun(id));
    if (result === undefined) throw new Error("no result");
    return result;
  };
  const good = async (): Promise<Record<string, boolean | null>> => {
    const [listed] = await listBackups(context(), "all");
    return Object.fromEntries(listed?.sets.map((set) => [set.name, set.good]) ?? []);
  };

  test("are good as long as all that they build on is", async () => {
    const all = [40, 34, 28, 20, 12, 4].map((days) => [nameOf(days), true]);
    expect(await good()).toEqual(Object.fromEntries(all));
    await rename(pathOf(20), `${cluster.path}-away`);
    expect(await good()).toEqual({ ...Object.fromEntries(all.slice(0, 3)), [nameOf(12)]: false, [nameOf(4)]: false });
    await rename(`${cluster.path}-away`, pathOf(20));
  });

  test("do not let others go when one that they build on is broken", async () => {
    const file = join(pathOf(20), "global/pg_control");
    await rename(file, `${file}.away`);
    const result = await purge("R1");
    expect(result).toMatchObject({ purged: 0, kept: 6 });
    expect(result.exceptions.map(({ name, code }) => `${name} ${code}`)).toContain(
      `${nameOf(4)} BACKUP_NOT_RESTORABLE`,
    );
    await rename(`${file}.away`, file);
  });

  test("go with what they build on, however young they are, and before it", async () => {
    const result = await purge("R2");
    expect(result).toMatchObject({ purged: 3, kept: 3, exceptions: [] });
    expect((await readdir(cluster.path)).toSorted()).toEqual([20, 12, 4].map(nameOf));
    expect(await good()).toEqual({ [nameOf(20)]: true, [nameOf(12)]: true, [nameOf(4)]: true });
  });

  test("that are combined to a full one count from when the last of them was begun, not from when they were combined", async () => {
    await cluster.backup(nameOf(11), { args: ["--incremental", join(pathOf(20), "backup_manifest")] });
    // A clock that cannot be set here: the label says when the last of them was begun.
    const label = join(pathOf(11), "backup_label");
    const text = await readFile(label, "utf8");
    await writeFile(label, text.replace(/START TIME: \S+/, "START TIME: 2026-01-02"));
    const combined = join(cluster.path, "combined");
    await cluster.run("pg_combinebackup", pathOf(20), pathOf(11), "-o", combined);
    const [listed] = await listBackups(context(), "all");
    const set = listed?.sets.find(({ name }) => name === "combined");
    expect(set).toMatchObject({ good: true, taken: expect.stringContaining("2026-01-02") });
    await truncate(join(combined, "PG_VERSION"));
    expect((await good())["combined"]).toBe(false);
  });
});
