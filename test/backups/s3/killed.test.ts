import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FaultPoint } from "#lib/fault.ts";
import { purgeProcess } from "#test/backups/killed-night.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";
import { plainDump } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";
const day = "2026-10-01T02:00:00Z";

describe.skipIf(gatewayMissing !== undefined)("a purge of a bucket", () => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now);
  });
  afterEach(() => at.dispose());

  const night = (run: string, fault?: FaultPoint): Promise<NodeJS.Signals | null> =>
    purgeProcess({ config: at.on(now).config, now, run }, fault);

  test.each<FaultPoint>([
    "before-backup-unlink",
    "after-backup-unlink",
    "after-backups-finished",
    "after-backups-recorded",
  ])("killed %s, is finished by the next run, which tells of each set once", async (fault) => {
    const keys = await at.putNights(34, "2026-11-22");
    const Key = "hidden-2026-10-01.dump";
    const version = await at.put(Key, plainDump(""), day);
    await at.put(`${keys[0]}.sha256`, "0", day);
    await at.s3.deleteObject({ Bucket, Key });
    await at.setModified(version, day);
    const { UploadId = "" } = await at.s3.createMultipartUpload({ Bucket, Key });
    await at.setModified(UploadId, day);
    await at.newRun("R1");
    await at.newRun("R2");
    expect(await night("R1", fault)).toBe("SIGKILL");
    expect(await night("R2")).toBeNull();
    expect(await at.listed()).toEqual(keys.slice(4));
    expect((await at.s3.listMultipartUploads({ Bucket })).Uploads ?? []).toEqual([]);
    const purged = (await at.entries("backup.purged")).map(({ name }) => String(name));
    expect(purged).toHaveLength(6);
    expect(new Set(purged)).toEqual(
      new Set(Object.entries(await at.states()).flatMap(([name, state]) => (state === "purged" ? [name] : []))),
    );
    expect(purged).toContain(`${Key}?uploadId=${UploadId}`);
    expect(purged).toContain(`${Key}?versionId=${version}`);
    expect(await at.entries("backup.exception")).toEqual([]);
  });
});
