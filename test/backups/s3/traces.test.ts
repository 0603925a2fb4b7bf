import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gatewayMissing } from "#test/backups/programs.ts";
import { goodGzip, plainDump } from "#test/backups/repository-files.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";
const person = "ada.lovelace@mail.example";

describe.skipIf(gatewayMissing !== undefined)("when the last backup with a person is gone", () => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now, { prefix: "shop/" });
  });
  afterEach(() => at.dispose());

  test("no file of the server has a trace of them: of versions, markers, uploads and their names", async () => {
    await at.putNights(2, "2026-11-22");
    const day = "2026-10-01T02:00:00Z";
    const Key = `shop/${person}-2026-10-01.sql`;
    const version = await at.put(Key, plainDump(person), day);
    await at.put(Key, plainDump(`${person} again`), day);
    await at.put(`${Key}.sha256`, "0", day);
    await at.s3.deleteObject({ Bucket, Key });
    await at.s3.deleteObject({ Bucket, Key: `${Key}.sha256` });
    const { UploadId = "" } = await at.s3.createMultipartUpload({ Bucket, Key });
    await at.s3.uploadPart({ Bucket, Key, UploadId, PartNumber: 1, Body: plainDump(person) });
    await at.setModified(UploadId, day);
    const { Versions = [] } = await at.s3.listObjectVersions({ Bucket, Prefix: Key });
    for (const { VersionId = "" } of Versions) await at.setModified(VersionId, day);
    expect(Versions.map(({ VersionId }) => VersionId)).toContain(version);
    expect(await at.holding(person)).toHaveLength(5);
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 3, kept: 2, exceptions: [] });
    expect(await at.holding(person)).toEqual([]);
  });

  test("what lies beside the prefix is as it was, though its name begins alike", async () => {
    await at.putNights(2, "2026-11-22");
    await at.put("shop/shop-2026-10-01.sql.gz", goodGzip(person), "2026-10-01T02:00:00Z");
    for (const key of ["shop2/shop-2026-10-01.sql.gz", "shop-2026-10-01.sql.gz", "other/2026-10-01.dump"]) {
      await at.put(key, goodGzip(key), "2026-10-01T02:00:00Z");
    }
    await at.put("shop2/hidden-2026-10-01.dump", plainDump(""), "2026-10-01T02:00:00Z");
    await at.s3.deleteObject({ Bucket, Key: "shop2/hidden-2026-10-01.dump" });
    await at.s3.createMultipartUpload({ Bucket, Key: "shop2/begun-2026-10-01.dump" });
    const before = await at.listed();
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 1, kept: 2, exceptions: [] });
    expect(await at.listed()).toEqual(before.filter((key) => key !== "shop/shop-2026-10-01.sql.gz"));
    expect((await at.s3.listMultipartUploads({ Bucket })).Uploads).toHaveLength(1);
    const { Body } = await at.s3.getObject({ Bucket, Key: "shop2/shop-2026-10-01.sql.gz" });
    expect(gunzipSync((await Body?.transformToByteArray()) ?? "").toString()).toContain("shop2/");
  });
});
