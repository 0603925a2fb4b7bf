import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FaultPoint } from "#lib/fault.ts";
import { startCluster, type Cluster } from "#test/backups/pgbackrest/cluster.ts";
import { purgeProcess } from "#test/backups/killed-night.ts";
import { pgbackrestMissing } from "#test/backups/programs.ts";
import { run, scene, type Scene } from "#test/backups/repository-files.ts";

const now = new Date().toISOString();

describe.skipIf(pgbackrestMissing !== undefined)("a purge of a repository of pgBackRest", () => {
  let cluster: Cluster;
  let at: Scene;
  let labels: string[];

  // A full backup with one that builds on it, both past their time, and one that is not.
  beforeAll(async () => {
    cluster = await startCluster();
    labels = [];
    for (const [days, type] of [
      [40, "full"],
      [32, "diff"],
      [9, "full"],
    ] as const) {
      await cluster.daysAgo(days);
      labels.push(await cluster.backup(type));
    }
    await cluster.daysAgo(0);
    await run("cp", ["-a", cluster.repository, `${cluster.repository}.before`]);
  }, 120_000);
  afterAll(() => cluster.dispose());
  beforeEach(async () => {
    at = await scene(now);
    await rm(cluster.repository, { recursive: true });
    await run("cp", ["-a", `${cluster.repository}.before`, cluster.repository]);
  });
  afterEach(() => at.dispose());

  const night = (id: string, fault?: FaultPoint): Promise<NodeJS.Signals | null> =>
    purgeProcess({ config: { ...at.on(now).config, backups: [cluster.config] }, now, run: id }, fault);

  test.each<FaultPoint>([
    "before-backup-unlink",
    "after-backup-unlink",
    "after-backups-finished",
    "after-backups-recorded",
  ])("killed %s, the next run leaves the same backups and tells of each purge once", async (fault) => {
    await at.newRun("R1");
    await at.newRun("R2");
    expect(await night("R1", fault)).toBe("SIGKILL");
    expect(await night("R2")).toBeNull();
    const [full = "", diff = "", newest = ""] = labels;
    const left = await readdir(join(cluster.repository, "backup/demo"));
    expect(left.filter((name) => labels.includes(name))).toEqual([newest]);
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual([full, diff]);
    expect(await at.entries("backup.exception")).toEqual([]);
    expect(await at.states()).toEqual({ [full]: "purged", [diff]: "purged", [newest]: "listed" });
  });
});
