import { execFile } from "node:child_process";
import { readdir, readFile, unlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { basePoints, type FaultPoint } from "#lib/fault.ts";
import { startCluster, type Cluster } from "#test/backups/directory/cluster.ts";
import { run as exec, scene, type Scene } from "#test/backups/repository-files.ts";
import { debianBinaries, debianMissing } from "#test/flow/debian-server.ts";

const now = new Date().toISOString();
const daysBefore = (days: number): string => new Date(Date.parse(now) - days * 86_400_000).toISOString().slice(0, 10);

describe.skipIf(debianMissing !== undefined)("a purge of base backups and their log", () => {
  let cluster: Cluster;
  let at: Scene;
  const [plain, tar, newest] = [`plain-${daysBefore(40)}`, `tar-${daysBefore(35)}`, `plain-${daysBefore(9)}`] as const;

  beforeAll(async () => {
    cluster = await startCluster(debianBinaries ?? "");
    for (const [name, days] of [
      [plain, 40],
      [tar, 35],
      [newest, 9],
    ] as const) {
      await cluster.query("create table if not exists days (n int); insert into days values (1)");
      await cluster.archive(days);
      await cluster.backup(name, { days, args: name === tar ? ["-Ft"] : [] });
      await cluster.archive(days);
    }
  });
  afterAll(() => cluster.dispose());
  beforeEach(async () => {
    at = await scene(now);
    await exec("cp", ["-a", `${cluster.path}/.`, at.path]);
    await exec("cp", ["-a", cluster.wal, join(at.directory, "wal")]);
  });
  afterEach(() => at.dispose());

  /** Runs a night's purge in its own process; answers the signal that killed it. */
  const night = (id: string, fault?: FaultPoint): Promise<NodeJS.Signals | null> => {
    const backups = [{ ...at.backup, wal: join(at.directory, "wal") }];
    const config = JSON.stringify({ ...at.on(now).config, stores: [], backups });
    const script = resolve(import.meta.dirname, "../purge-process.ts");
    const env = { ...process.env, ...(fault === undefined ? {} : { LETHE_FAULT: fault }) };
    return new Promise((settle, reject) => {
      const child = execFile(
        process.execPath,
        ["-C", "source", script, config, now, id],
        { env },
        (error, _out, err) => {
          if (error !== null && child.signalCode === null) reject(new Error(err));
          else settle(child.signalCode);
        },
      );
    });
  };

  const all = [...basePoints, "after-backup-unlink"] as const;
  test.each<[FaultPoint, string, string]>([
    ...all.map((fault): [FaultPoint, string, string] => [fault, "finished", "backup_manifest"]),
    ...all.map((fault): [FaultPoint, string, string] => [fault, "unfinished", "backup_label"]),
  ])(
    "killed %s, the next run leaves the same files and tells of each purge once (of %s ones)",
    async (fault, which, last) => {
      if (which === "unfinished") for (const name of [plain, tar]) await unlink(join(at.path, name, "backup_manifest"));
      await at.newRun("R1");
      await at.newRun("R2");
      expect(await night("R1", fault)).toBe("SIGKILL");
      // By its manifest the next run knows that it is the same one.
      if (fault === "before-backup-manifest") expect(await readdir(join(at.path, plain))).toEqual([last]);
      expect(await night("R2")).toBeNull();
      expect(await readdir(at.path)).toEqual([newest]);
      const label = await readFile(join(at.path, newest, "backup_label"), "utf8");
      const first = /\(file ([0-9A-F]{24})\)/.exec(label)?.[1] ?? "";
      const segments = (await readdir(join(at.directory, "wal"))).filter((name) => /^[0-9A-F]{24}$/.test(name));
      expect(segments.toSorted()[0]).toBe(first);
      expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual([plain, tar]);
      expect(await at.entries("backup.exception")).toEqual([]);
      expect(await at.states()).toEqual({ [plain]: "purged", [tar]: "purged", [newest]: "listed" });
    },
  );
});
