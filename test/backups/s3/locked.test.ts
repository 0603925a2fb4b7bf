import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBackups } from "#backups/check.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { goodGzip } from "#test/backups/repository-files.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";

describe.skipIf(gatewayMissing !== undefined)("versions under a lock", () => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now, { lock: true });
    await at.putNights(2, "2026-11-22");
  });
  afterEach(() => at.dispose());

  const put = (key: string): Promise<string> => at.put(key, goodGzip(key), "2026-10-01T02:00:00Z");

  test("are told, and go when the lock ends", async () => {
    const Key = "shop-2026-10-01.sql.gz";
    const VersionId = await put(Key);
    await put("shop-2026-10-02.sql.gz");
    const RetainUntilDate = new Date(Date.now() + 10_000);
    await at.s3.putObjectRetention({ Bucket, Key, VersionId, Retention: { Mode: "COMPLIANCE", RetainUntilDate } });
    const name = `${Key}?versionId=${VersionId}`;
    const result = await at.purge(now, "R1");
    expect(result).toMatchObject({ purged: 1, kept: 3 });
    expect(result.exceptions).toEqual([{ name, code: "BACKUP_NOT_DELETED", breach: "2026-10-30" }]);
    expect((await at.states())[name]).toBe("condemned");
    await new Promise((settle) => setTimeout(settle, RetainUntilDate.getTime() - Date.now() + 1_000));
    expect(await at.purge(now, "R2")).toMatchObject({ purged: 1, kept: 2, exceptions: [] });
    expect(await at.entries("backup.purged")).toHaveLength(2);
  });

  test("that an administrator may pass stay all the same", async () => {
    const Key = "shop-2026-10-01.sql.gz";
    const VersionId = await put(Key);
    const RetainUntilDate = new Date(Date.now() + 86_400_000);
    await at.s3.putObjectRetention({ Bucket, Key, VersionId, Retention: { Mode: "GOVERNANCE", RetainUntilDate } });
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 0, exceptions: [{ code: "BACKUP_NOT_DELETED" }] });
    await at.s3.deleteObject({ Bucket, Key, VersionId, BypassGovernanceRetention: true });
    expect(await at.listed()).toHaveLength(2);
  });

  test("for a matter at court stay until it is lifted", async () => {
    const Key = "shop-2026-10-01.sql.gz";
    const VersionId = await put(Key);
    const hold = (Status: "ON" | "OFF") => at.s3.putObjectLegalHold({ Bucket, Key, VersionId, LegalHold: { Status } });
    await hold("ON");
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 0, exceptions: [{ code: "BACKUP_NOT_DELETED" }] });
    await hold("OFF");
    expect(await at.purge(now, "R2")).toMatchObject({ purged: 1, exceptions: [] });
  });

  test("that the bucket lays by itself for longer than backups may be kept are told before", async () => {
    const lock = (Days: number) =>
      at.s3.putObjectLockConfiguration({
        Bucket,
        ObjectLockConfiguration: {
          ObjectLockEnabled: "Enabled",
          Rule: { DefaultRetention: { Mode: "COMPLIANCE", Days } },
        },
      });
    await lock(29);
    expect(await checkBackups(at.on(now))).toMatchObject([{ findings: [] }]);
    await lock(30);
    expect(await checkBackups(at.on(now))).toMatchObject([
      { findings: [{ code: "OBJECT_LOCK", message: expect.stringContaining("30 days (COMPLIANCE)") }] },
    ]);
  });
});
