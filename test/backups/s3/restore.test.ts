import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackupSet } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { goodGzip } from "#test/backups/repository-files.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";

const now = "2026-11-22T03:00:00Z";

describe.skipIf(gatewayMissing !== undefined)("a backup in a bucket that a drill asks for", () => {
  let at: BucketScene;
  let files: string;
  beforeAll(async () => {
    at = await bucketScene(now);
    files = await mkdtemp(join(tmpdir(), "lethe-restore-"));
  });
  afterAll(async () => {
    await at.dispose();
    await rm(files, { recursive: true });
  });

  const repository = () => s3Repository(at.config, "UTC");
  const { signal } = new AbortController();
  const setOf = async (version: string): Promise<BackupSet> => {
    const found = (await repository().inventory(new Map())).sets.find(({ name }) => name.endsWith(version));
    if (found === undefined) throw new Error("not listed");
    return found;
  };

  test("is fetched as it was made, be another version over it", async () => {
    const old = await at.put("shop.sql.gz", goodGzip("old"), "2026-11-21T02:00:00Z");
    await at.put("shop.sql.gz", goodGzip("new"), "2026-11-22T02:00:00Z");
    const restored = await repository().restore?.(await setOf(old), { data: "", files, signal });
    expect(restored).toEqual({ kind: "dump", file: join(files, "dump") });
    expect(await readFile(join(files, "dump"))).toEqual(goodGzip("old"));
  });

  test("and is gone meanwhile, fails the drill and nothing else", async () => {
    const version = await at.put("gone.sql.gz", goodGzip("gone"), "2026-11-21T02:00:00Z");
    const set = await setOf(version);
    await at.s3.deleteObject({ Bucket: "dumps", Key: "gone.sql.gz", VersionId: version });
    await expect(repository().restore?.(set, { data: "", files, signal })).rejects.toMatchObject({
      code: "DRILL_FAILED",
    });
  });
});
