import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { listBackups } from "#backups/list.ts";
import { purgeRepository } from "#backups/purge.ts";
import type { Repository } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { plainDump, goodGzip } from "#test/backups/repository-files.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";

describe.skipIf(gatewayMissing !== undefined)("uploads in parts that nobody completed", () => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now);
  });
  afterEach(() => at.dispose());

  /** Begins an upload at a time, with one part; returns its id. */
  const begin = async (Key: string, body: string | Uint8Array, begun: string): Promise<string> => {
    const { UploadId = "" } = await at.s3.createMultipartUpload({ Bucket, Key });
    await at.s3.uploadPart({ Bucket, Key, UploadId, PartNumber: 1, Body: body });
    await at.setModified(UploadId, begun);
    return UploadId;
  };
  const complete = async (Key: string, UploadId: string): Promise<void> => {
    const { Parts = [] } = await at.s3.listParts({ Bucket, Key, UploadId });
    const MultipartUpload = { Parts: Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) };
    await at.s3.completeMultipartUpload({ Bucket, Key, UploadId, MultipartUpload });
  };
  const pending = async (): Promise<unknown[]> => {
    const { Uploads = [] } = await at.s3.listMultipartUploads({ Bucket });
    return Uploads.map(({ UploadId }) => UploadId);
  };

  test("go when they are past their time, and are on record like all else", async () => {
    await at.putNights(2, "2026-11-22");
    const old = await begin("shop-2026-10-01.dump", plainDump("of Ada"), "2026-10-01T02:00:00Z");
    const young = await begin("shop-2026-11-20.dump", plainDump("of Ada"), "2026-11-20T02:00:00Z");
    expect(await at.purge(now, "R1")).toMatchObject({
      purged: 1,
      kept: 3,
      oldest: "2026-11-19T23:00:00Z",
      exceptions: [],
    });
    expect(await pending()).toEqual([young]);
    const name = `shop-2026-10-01.dump?uploadId=${old}`;
    expect(await at.entries("backup.purged")).toMatchObject([
      { name, bytes: plainDump("of Ada").length, taken: "2026-09-30T22:00:00Z" },
    ]);
    expect(await at.states()).toMatchObject({ [name]: "purged" });
  });

  test("say nothing of the backups while they are under way, and are nobody's loss when they are done", async () => {
    await at.putNights(32, "2026-11-22");
    const id = await begin("shop-2026-11-22T0230Z.sql.gz", goodGzip("tonight"), "2026-11-22T02:30:00Z");
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 2, kept: 31, exceptions: [] });
    await complete("shop-2026-11-22T0230Z.sql.gz", id);
    await at.setModified("shop-2026-11-22T0230Z.sql.gz", "2026-11-22T03:10:00Z");
    expect(await at.purge("2026-11-22T04:00:00Z", "R2")).toMatchObject({ purged: 0, kept: 31, exceptions: [] });
    expect(Object.keys(await at.states()).filter((name) => name.includes("uploadId"))).toEqual([]);
    expect(await at.entries("backup.purged")).toHaveLength(2);
  });

  test("and that their owner gave up leave a side-car in peace which waits for the next", async () => {
    await at.putNights(2, "2026-11-22");
    const Key = "shop-2026-11-22T0230Z.dump";
    const UploadId = await begin(Key, plainDump(""), "2026-11-22T02:30:00Z");
    await at.purge(now, "R1");
    await at.s3.abortMultipartUpload({ Bucket, Key, UploadId });
    await at.put(`${Key}.sha256`, "0", "2026-11-22T03:30:00Z");
    expect(await at.purge("2026-11-22T04:00:00Z", "R2")).toMatchObject({ purged: 0, exceptions: [] });
    expect(await at.listed()).toContain(`${Key}.sha256`);
  });

  test("and that could not be given up, and were completed then, are nobody's purge", async () => {
    await at.putNights(2, "2026-11-22");
    const Key = "shop-2026-10-01.dump";
    const id = await begin(Key, plainDump("of Ada"), "2026-10-01T02:00:00Z");
    const real = s3Repository(at.config, "Europe/Berlin");
    const refusing: Repository = { ...real, remove: () => Promise.resolve("refused") };
    await purgeRepository(at.on(now), await at.newRun("R1"), at.config, refusing);
    expect(await at.states()).toMatchObject({ [`${Key}?uploadId=${id}`]: "condemned" });
    await complete(Key, id);
    expect(await at.purge(now, "R2")).toMatchObject({ purged: 0, kept: 3 });
    expect(await at.entries("backup.purged")).toEqual([]);
    expect(Object.keys(await at.states()).filter((name) => name.startsWith(`${Key}?uploadId`))).toEqual([]);
  });

  test("are listed as what cannot be restored from, and when they go", async () => {
    await at.putNights(1, "2026-11-22");
    await begin("shop-2026-11-20.dump", plainDump(""), "2026-11-20T02:00:00Z");
    const [listed] = await listBackups(at.on(now), "newest");
    expect(listed).toMatchObject({
      exceptions: [],
      sets: [
        { name: expect.stringContaining("uploadId"), good: false, bytes: plainDump("").length, purgeOn: "2026-12-20" },
        { name: expect.stringContaining("versionId"), good: true },
      ],
    });
  });

  test("stay with everything else while no backup can be restored from", async () => {
    const id = await begin("shop-2026-10-01.dump", plainDump(""), "2026-10-01T02:00:00Z");
    const result = await at.purge(now, "R1");
    expect(result).toMatchObject({ purged: 0, exceptions: [{ code: "BACKUP_LAST_GOOD", breach: "2026-10-30" }] });
    expect(await pending()).toEqual([id]);
  });

  // versitygw does not take the mark with which it ends a page of uploads (its issue 2149).
  test("that the server does not list to the end keep anything from going", async () => {
    await at.putNights(32, "2026-11-22");
    const keys = Array.from({ length: 1_010 }, (_, index) => `begun-${index}`);
    await Promise.all(keys.map((Key) => at.s3.createMultipartUpload({ Bucket, Key })));
    const result = await at.purge(now, "R1");
    expect(result).toMatchObject({ purged: 0, exceptions: [{ name: "*", code: "BACKUPS_UNREADABLE" }] });
    expect(await at.listed()).toHaveLength(32);
  });
});
