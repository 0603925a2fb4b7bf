import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkBackups } from "#backups/check.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";
import { plainDump } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";
const day = "2026-10-01T02:00:00Z";
const hidden = "hidden-2026-10-01.dump";

/** What the README says that the account needs. */
const rights = [
  "ListBucket",
  "ListBucketVersions",
  "ListBucketMultipartUploads",
  "ListMultipartUploadParts",
  "GetBucketVersioning",
  "GetObject",
  "GetObjectVersion",
  "DeleteObjectVersion",
  "AbortMultipartUpload",
  "GetBucketObjectLockConfiguration",
  "GetLifecycleConfiguration",
  "GetReplicationConfiguration",
].map((right) => `s3:${right}`);

describe.skipIf(gatewayMissing !== undefined)("an account of Lethe's own", () => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now);
    await at.putNights(2, "2026-11-22");
    const version = await at.put(hidden, plainDump(""), day);
    await at.s3.deleteObject({ Bucket, Key: hidden });
    await at.setModified(version, day);
    await at.put("shop-2026-10-01.dump", plainDump(""), day);
    await at.put("shop-2026-10-01.dump.sha256", "0", day);
    const { UploadId = "" } = await at.s3.createMultipartUpload({ Bucket, Key: "shop-2026-10-01.dump" });
    await at.setModified(UploadId, day);
    const { accessKeyId, secretAccessKey } = await at.addAccount("lethe");
    process.env["AWS_ACCESS_KEY_ID"] = accessKeyId;
    process.env["AWS_SECRET_ACCESS_KEY"] = secretAccessKey;
  });
  afterEach(() => at.dispose());

  /** `forbidden`: of the keys that it names, nothing may be deleted. */
  const allow = async (actions: readonly string[], forbidden?: string): Promise<void> => {
    const Principal = { AWS: ["lethe"] };
    const all = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
    const statements = [
      ...actions.map((Action) => ({
        Effect: "Allow",
        Principal,
        Action,
        Resource: /Object|Abort|Parts/.test(Action) && !Action.endsWith("Configuration") ? all[1] : all[0],
      })),
      ...(forbidden === undefined
        ? []
        : [{ Effect: "Deny", Principal, Action: "s3:DeleteObjectVersion", Resource: `${all[0]}/${forbidden}` }]),
    ];
    await at.s3.putBucketPolicy({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement: statements }) });
  };
  const without = (right: string): readonly string[] => rights.filter((each) => each !== `s3:${right}`);

  test("needs no more than what is written, for a night and for a check", async () => {
    await allow(rights);
    expect(await checkBackups(at.on(now))).toMatchObject([{ findings: [] }]);
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 3, kept: 2, exceptions: [] });
    expect(await at.listed()).toEqual(["shop-2026-11-21T0200Z.sql.gz", "shop-2026-11-22T0200Z.sql.gz"]);
  });

  test("that may not delete is refused each set, which stays and is told", async () => {
    await allow(without("DeleteObjectVersion"));
    const result = await at.purge(now, "R1");
    expect(result).toMatchObject({ purged: 1, kept: 4 });
    expect(result.exceptions.map(({ code, breach }) => [code, breach])).toEqual([
      ["BACKUP_NOT_DELETED", "2026-10-30"],
      ["BACKUP_NOT_DELETED", "2026-10-30"],
    ]);
    await allow(rights);
    expect(await at.purge(now, "R2")).toMatchObject({ purged: 2, kept: 2, exceptions: [] });
  });

  test("that may not delete a marker over nothing has deleted nothing, until it may", async () => {
    await at.s3.deleteObject({ Bucket, Key: "marked" });
    await at.put("marked", plainDump(""), now);
    const { VersionId } = await at.s3.headObject({ Bucket, Key: "marked" });
    await at.s3.deleteObject({ Bucket, Key: "marked" });
    await at.s3.deleteObject({ Bucket, Key: "marked", VersionId });
    await allow(rights, "marked");
    expect(await at.listed()).toContain("marked marker");
    expect(await at.purge(now, "R1")).toMatchObject({
      purged: 0,
      exceptions: [{ name: "*", code: "BACKUP_NOT_DELETED" }],
    });
    await allow(rights);
    expect(await at.purge(now, "R2")).toMatchObject({ purged: 3, kept: 2, exceptions: [] });
    expect(await at.listed()).toHaveLength(2);
  });

  test("that may not list is told what it needs", async () => {
    await allow(without("ListBucketVersions"));
    expect(await checkBackups(at.on(now))).toMatchObject([
      { findings: [{ code: "BACKUPS_UNREADABLE", hint: expect.stringContaining("s3:ListBucketVersions") }] },
    ]);
  });

  test("that may not see the bucket's settings is told of which", async () => {
    await allow(without("GetBucketObjectLockConfiguration"));
    expect(await checkBackups(at.on(now))).toMatchObject([
      { findings: [{ code: "BUCKET_UNASKED", hint: expect.stringContaining("s3:GetBucketObjectLockConfiguration") }] },
    ]);
  });
});
