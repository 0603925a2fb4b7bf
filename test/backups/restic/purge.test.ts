import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { ResticConfig } from "#config.ts";
import { resticMissing } from "#test/backups/programs.ts";
import { scene, type Scene } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";

describe.skipIf(resticMissing !== undefined)("a repository of restic", () => {
  let directory: string;
  let config: ResticConfig;
  let at: Scene;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "lethe-restic-"));
    const passwordFile = join(directory, "password");
    await writeFile(passwordFile, "correct horse battery staple\n", { mode: 0o600 });
    config = {
      name: "vault",
      kind: "restic",
      store: "shop",
      keepDays: 30,
      repository: join(directory, "repository"),
      passwordFile,
      tag: undefined,
      program: "restic",
    };
    at = await scene(now);
    restic("init");
  });
  afterEach(async () => {
    await at.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  const restic = (...args: readonly string[]): string => {
    const { status, stdout } = spawnSync(
      "restic",
      ["--repo", config.repository, "--password-file", config.passwordFile, "--no-cache", "--quiet", ...args],
      // A time without a zone is one of the machine's clocks.
      { encoding: "utf8", env: { ...process.env, TZ: "UTC" } },
    );
    if (status !== 0) throw new Error(`restic ${args[0]} ended with ${status}`);
    return stdout;
  };
  /** A snapshot of a dump of so many days before now, other than all others; returns its id. */
  const backup = async (days: number): Promise<string> => {
    const dump = join(directory, "dump.sql");
    const taken = new Date(Date.parse(now) - days * 86_400_000 - 3_600_000);
    await writeFile(dump, `of ${days} days before\n`.repeat(1000));
    restic("backup", "--time", taken.toISOString().slice(0, 19).replace("T", " "), dump);
    const stdout = restic("snapshots", "--json");
    const made = JSON.parse(stdout) as { id: string; time: string }[];
    return made.find(({ time }) => Date.parse(time) === Math.floor(taken.getTime() / 1000) * 1000)?.id ?? "";
  };
  const purge = async (id: string, program = "restic"): Promise<RepositoryResult> => {
    const context = at.on(now);
    const backups = [{ ...config, program }];
    const [result] = await purgeBackups({ ...context, config: { ...context.config, backups } }, await at.newRun(id));
    if (result === undefined) throw new Error("no result");
    return result;
  };
  const blobs = (): number => restic("list", "blobs").trim().split("\n").length;

  test("loses what is past its time, with all that only it held", async () => {
    const ids: string[] = [];
    for (const days of [44, 31, 29, 2]) ids.push(await backup(days));
    const before = blobs();
    expect(await purge("R1")).toMatchObject({ purged: 2, kept: 2, exceptions: [] });
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual(ids.slice(0, 2));
    expect((await readdir(join(config.repository, "snapshots"))).toSorted()).toEqual(ids.slice(2).toSorted());
    expect(blobs()).toBe(before / 2);
  });

  test("counts nothing as gone while only references were dropped, and says so; the next night prunes", async () => {
    const old = await backup(31);
    await backup(2);
    const wrapper = join(directory, "wrapper");
    await writeFile(wrapper, '#!/bin/sh\ncase "$*" in *prune*) exit 1;; *) exec restic "$@";; esac\n');
    await chmod(wrapper, 0o755);
    const before = blobs();
    const result = await purge("R1", wrapper);
    expect(result).toMatchObject({ purged: 0, exceptions: [{ name: "*", code: "BACKUP_NOT_DELETED" }] });
    expect(blobs()).toBe(before);
    expect(await at.states()).toMatchObject({ [old]: "condemned" });
    expect(await purge("R2")).toMatchObject({ purged: 1, exceptions: [] });
    expect(blobs()).toBe(before / 2);
  });

  test("loses nothing where a file of it is not what it was", async () => {
    await backup(31);
    const before = new Set(await readdir(join(config.repository, "data"), { recursive: true }));
    await backup(2);
    for (const path of await readdir(join(config.repository, "data"), { recursive: true })) {
      if (before.has(path) || !/[0-9a-f]{64}$/.test(path)) continue;
      const pack = join(config.repository, "data", path);
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
    await backup(31);
    await writeFile(config.passwordFile, "wrong\n");
    expect(await purge("R1")).toMatchObject({ purged: 0, exceptions: [{ code: "BACKUPS_UNREADABLE" }] });
  });
});
