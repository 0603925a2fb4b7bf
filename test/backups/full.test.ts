import { spawnSync } from "node:child_process";
import { chown, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { BackupConfig } from "#config.ts";
import { backupTodo } from "#records/backup-hints.ts";
import { startCluster, type Cluster } from "#test/backups/pgbackrest/cluster.ts";
import { pgbackrestMissing, resticMissing } from "#test/backups/programs.ts";
import { run as exec, scene, writeNights, writeSet, type Scene } from "#test/backups/repository-files.ts";
import { openVault, type Vault } from "#test/backups/restic/vault.ts";
import { smallDisk, type SmallDisk } from "#test/backups/small-disk.ts";

const now = new Date().toISOString();

let at: Scene;
let disk: SmallDisk | undefined;
beforeEach(async () => {
  at = await scene(now);
  disk = undefined;
});
afterEach(() => at.dispose());
/** Before that on which it lies is cleared away. */
const unmount = (): void => disk?.unmount();

const purge = async (config: BackupConfig, id: string): Promise<RepositoryResult> => {
  const context = at.on(now);
  const backups = [config];
  const [result] = await purgeBackups({ ...context, config: { ...context.config, backups } }, await at.newRun(id));
  if (result === undefined) throw new Error("no result");
  return result;
};
const noRoom = "this machine permits no small file system";

describe("a directory that is full", () => {
  afterEach(unmount);

  test("loses what is due, and nothing else: deleting needs no room", async ({ skip }) => {
    disk = await smallDisk(at.path, "1m");
    if (disk === undefined) return skip(noRoom);
    const today = now.slice(0, 10);
    const names = await writeNights(at.path, 40, today);
    await writeSet(at.path, "shop-2026-01-01T0200Z.sql.gz.partial", "cut off", "2026-01-01T02:10:00Z");
    disk.fill();
    const result = await purge(at.backup, "R1");
    expect(result).toMatchObject({ exceptions: [] });
    expect(result.purged).toBeGreaterThanOrEqual(10);
    const left = (await readdir(at.path)).filter((name) => !name.startsWith("."));
    expect(left.toSorted()).toEqual(names.slice(result.purged - 1));
    expect(await at.entries("backup.purged")).toHaveLength(result.purged);
  });

  test("in which a dump broke off keeps everything, since that is not good", async ({ skip }) => {
    disk = await smallDisk(at.path, "1m");
    if (disk === undefined) return skip(noRoom);
    const today = now.slice(0, 10);
    await writeNights(at.path, 32, new Date(Date.parse(now) - 86_400_000).toISOString().slice(0, 10));
    disk.fill();
    await writeFile(join(at.path, `shop-${today}T0000Z.sql.gz`), "x".repeat(100_000)).catch(() => undefined);
    const before = await readdir(at.path);
    const result = await purge(at.backup, "R1");
    expect(result.purged).toBe(0);
    expect(result.exceptions.map(({ code }) => code)).toEqual(["BACKUP_NOT_RESTORABLE", "BACKUP_LAST_GOOD"]);
    expect(await readdir(at.path)).toEqual(before);
  });
});

describe.skipIf(resticMissing !== undefined)("a repository of restic that is full", () => {
  let vault: Vault;
  beforeEach(async () => {
    vault = await openVault(now);
  });
  afterEach(() => vault.dispose());
  afterEach(unmount);

  test("loses nothing and claims nothing, and says what is in the way; the night after there is room goes on", async ({
    skip,
  }) => {
    const ids: string[] = [];
    for (const days of [44, 31, 2]) ids.push(await vault.backup(days));
    const repository = join(vault.directory, "small");
    disk = await smallDisk(repository, "4m");
    if (disk === undefined) return skip(noRoom);
    await exec("cp", ["-a", `${vault.config.repository}/.`, repository]);
    const config = { ...vault.config, repository };
    disk.fill();
    const result = await purge(config, "R1");
    expect(result).toMatchObject({ purged: 0, kept: 3 });
    expect(result.exceptions.map(({ name, code }) => `${code} ${name}`)).toEqual(
      [...ids.slice(0, 2), "*"].map((name) => `BACKUP_DISK_FULL ${name}`),
    );
    expect(backupTodo("BACKUP_DISK_FULL")).toContain("full");
    expect(await at.entries("backup.purged")).toEqual([]);
    expect((await readdir(join(repository, "snapshots"))).toSorted()).toEqual(ids.toSorted());
    await disk.empty();
    expect(await purge(config, "R2")).toMatchObject({ purged: 2, kept: 1, exceptions: [] });
    expect(
      spawnSync("restic", [
        "--repo",
        repository,
        "--password-file",
        config.passwordFile,
        "--no-cache",
        "check",
        "--read-data",
      ]).status,
    ).toBe(0);
  });

  test("in which there is room for a lock and not for what is kept of a pack claims nothing either", async ({
    skip,
  }) => {
    // Both in one pack, of which half has to be written anew.
    const bytes = Buffer.from(Array.from({ length: 600_000 }, (_, index) => (index * 7919) % 251));
    const [old, young] = [await vault.backup(31, bytes), await vault.backup(2, bytes.subarray(0, 300_000))];
    const repository = join(vault.directory, "small");
    disk = await smallDisk(repository, "4m");
    if (disk === undefined) return skip(noRoom);
    await exec("cp", ["-a", `${vault.config.repository}/.`, repository]);
    const config = { ...vault.config, repository };
    // Room comes and goes while it forgets; none is left when it prunes.
    const program = await vault.wrapped("prune", `head -c 8m /dev/zero > ${repository}/.filler; exec restic "$@"`);
    const result = await purge({ ...config, program }, "R1");
    expect(result).toMatchObject({ purged: 0, exceptions: [{ name: "*", code: "BACKUP_DISK_FULL" }] });
    expect(await at.states()).toEqual({ [old]: "condemned", [young]: "listed" });
    await disk.empty();
    expect(await purge(config, "R2")).toMatchObject({ purged: 1, kept: 1, exceptions: [] });
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual([old]);
  });
});

describe.skipIf(pgbackrestMissing !== undefined)("a repository of pgBackRest that is full", () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await startCluster();
    for (const days of [40, 35, 3]) {
      await cluster.daysAgo(days);
      await cluster.query(
        "create table if not exists days (n int); insert into days values (1); select pg_switch_wal()",
      );
      await cluster.backup("full");
    }
    await cluster.daysAgo(0);
  }, 300_000);
  afterEach(() => cluster.dispose());
  afterEach(unmount);

  test("claims nothing that is not gone, and says what is in the way; the night after there is room goes on", async ({
    skip,
  }) => {
    const repository = `${cluster.repository}-small`;
    disk = await smallDisk(repository, "400m");
    if (disk === undefined) return skip(noRoom);
    const { uid, gid } = await stat(cluster.repository);
    await chown(repository, uid, gid);
    await exec("cp", ["-a", `${cluster.repository}/.`, repository]);
    const configFile = `${cluster.config.configFile}.small`;
    const settings = await readFile(cluster.config.configFile ?? "", "utf8");
    await writeFile(configFile, settings.replace(cluster.repository, repository));
    const config = { ...cluster.config, configFile };
    const sets = async (): Promise<string[]> =>
      (await readdir(join(repository, "backup/demo"))).filter((name) => /^\d{8}-\d{6}F$/.test(name)).toSorted();
    const before = await sets();
    await disk.keepFull();
    const result = await purge(config, "R1");
    // Where there was no room at any time, nothing is claimed.
    expect(result.exceptions.some(({ code }) => code === "BACKUP_DISK_FULL")).toBe(result.purged < 2);
    expect(await at.entries("backup.purged")).toHaveLength(result.purged);
    await disk.empty();
    expect(await purge(config, "R2")).toMatchObject({ kept: 1, exceptions: [] });
    expect(await sets()).toEqual(before.slice(2));
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual(before.slice(0, 2));
  }, 300_000);
});
