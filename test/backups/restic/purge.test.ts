import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import { resticMissing } from "#test/backups/programs.ts";
import { scene, type Scene } from "#test/backups/repository-files.ts";
import { openVault, type Vault } from "#test/backups/restic/vault.ts";

const now = "2026-11-22T03:00:00Z";

describe.skipIf(resticMissing !== undefined)("a repository of restic", () => {
  let vault: Vault;
  let at: Scene;
  beforeEach(async () => {
    vault = await openVault(now);
    at = await scene(now);
  });
  afterEach(async () => {
    await at.dispose();
    await vault.dispose();
  });

  const purge = async (id: string, program = "restic"): Promise<RepositoryResult> => {
    const context = at.on(now);
    const backups = [{ ...vault.config, program }];
    const [result] = await purgeBackups({ ...context, config: { ...context.config, backups } }, await at.newRun(id));
    if (result === undefined) throw new Error("no result");
    return result;
  };
  test("loses what is past its time, with all that only it held", async () => {
    const ids: string[] = [];
    for (const days of [44, 31, 29, 2]) ids.push(await vault.backup(days));
    const before = vault.blobs();
    expect(await purge("R1")).toMatchObject({ purged: 2, kept: 2, exceptions: [] });
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual(ids.slice(0, 2));
    expect((await readdir(join(vault.config.repository, "snapshots"))).toSorted()).toEqual(ids.slice(2).toSorted());
    expect(vault.blobs()).toBe(before / 2);
  });

  test("counts nothing as gone while only references were dropped, and says so; the next night prunes", async () => {
    const old = await vault.backup(31);
    await vault.backup(2);
    const wrapper = await vault.wrapped("prune", "exit 1");
    const before = vault.blobs();
    const result = await purge("R1", wrapper);
    expect(result).toMatchObject({ purged: 0, exceptions: [{ name: "*", code: "BACKUP_NOT_DELETED" }] });
    expect(vault.blobs()).toBe(before);
    expect(await at.states()).toMatchObject({ [old]: "condemned" });
    expect(await purge("R2")).toMatchObject({ purged: 1, exceptions: [] });
    expect(vault.blobs()).toBe(before / 2);
  });

  test("loses nothing where a file of it is not what it was", async () => {
    await vault.backup(31);
    const before = new Set(await readdir(join(vault.config.repository, "data"), { recursive: true }));
    await vault.backup(2);
    for (const path of await readdir(join(vault.config.repository, "data"), { recursive: true })) {
      if (before.has(path) || !/[0-9a-f]{64}$/.test(path)) continue;
      const pack = join(vault.config.repository, "data", path);
      await chmod(pack, 0o600);
      const bytes = await readFile(pack);
      await writeFile(pack, bytes.fill(7, 0, 64));
    }
    const result = await purge("R1");
    expect(result.purged).toBe(0);
    expect(result.exceptions.map(({ code }) => code)).toEqual([
      "BACKUP_NOT_RESTORABLE",
      "BACKUP_NOT_RESTORABLE",
      "BACKUP_LAST_GOOD",
      "BACKUP_NOT_DELETED",
    ]);
  });

  test("is unreadable with another password, and nothing is known of it", async () => {
    await vault.backup(31);
    await writeFile(vault.config.passwordFile, "wrong\n");
    expect(await purge("R1")).toMatchObject({ purged: 0, exceptions: [{ code: "BACKUPS_UNREADABLE" }] });
  });
});
