import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { purgeRepository } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Repository } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { plainDump, goodGzip } from "#test/backups/repository-files.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";

const codes = (result: RepositoryResult): string[] => result.exceptions.map(({ name, code }) => `${name} ${code}`);

describe.skipIf(gatewayMissing !== undefined)("a bucket with versions", () => {
  let at: BucketScene;
  beforeEach(async () => {
    at = await bucketScene(now);
  });
  afterEach(() => at.dispose());

  test("of 45 nights the 15 that are more than thirty days old are purged, each with its version and digest in the ledger", async () => {
    const keys = await at.putNights(45, "2026-11-22");
    const result = await at.purge(now, "R1");
    expect(result).toMatchObject({ purged: 15, kept: 30, oldest: "2026-10-24T02:00:00Z", exceptions: [] });
    expect(await at.listed()).toEqual(keys.slice(15));
    const purged = await at.entries("backup.purged");
    expect(purged.map(({ name }) => String(name).replace(/\?versionId=[0-9A-Z]{26}$/, ""))).toEqual(keys.slice(0, 15));
    expect(purged.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(String(sha256)))).toBe(true);
    const [inventory] = await at.entries("backup.inventory");
    expect(inventory).toMatchObject({
      sets: 30,
      verified: { name: expect.stringContaining(`${keys.at(-1)}?versionId=`) },
    });
    expect(await at.purge(now, "R2")).toMatchObject({ purged: 0, kept: 30, exceptions: [] });
  });

  test("what lies under a delete marker goes like everything else, and then the marker; one over what stays, stays", async () => {
    await at.putNights(2, "2026-11-22");
    const old = await at.put("ada-2026-10-01.dump", plainDump("old"), "2026-10-01T02:00:00Z");
    const young = await at.put("ada-2026-11-01.dump", plainDump("young"), "2026-11-01T02:00:00Z");
    await at.s3.deleteObject({ Bucket, Key: "ada-2026-10-01.dump" });
    await at.s3.deleteObject({ Bucket, Key: "ada-2026-11-01.dump" });
    await at.setModified(old, "2026-10-01T02:00:00Z");
    await at.setModified(young, "2026-11-01T02:00:00Z");
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 1, kept: 3, exceptions: [] });
    expect((await at.entries("backup.purged")).map(({ name }) => name)).toEqual([
      `ada-2026-10-01.dump?versionId=${old}`,
    ]);
    expect(await at.listed()).toEqual([
      "ada-2026-11-01.dump",
      "ada-2026-11-01.dump marker",
      "shop-2026-11-21T0200Z.sql.gz",
      "shop-2026-11-22T0200Z.sql.gz",
    ]);
  });

  test("of a key that is written over every night each version is as old as it is", async () => {
    const versions: string[] = [];
    const days = ["2026-10-01", "2026-10-20", "2026-11-01", "2026-11-22"];
    for (const day of days) versions.push(await at.put("latest.sql.gz", goodGzip(day), `${day}T02:00:00Z`));
    for (const [index, day] of days.slice(0, -1).entries()) {
      await at.setModified(versions[index] ?? "", `${day}T02:00:00Z`);
    }
    expect(await at.purge(now, "R1")).toMatchObject({
      purged: 2,
      kept: 2,
      exceptions: [],
      oldest: "2026-11-01T02:00:00Z",
    });
    const { Versions = [] } = await at.s3.listObjectVersions({ Bucket });
    expect(Versions.map(({ VersionId }) => VersionId)).toEqual([versions[3], versions[2]]);
  });

  test("all versions of a key go at a time, the current one among them", async () => {
    await at.putNights(1, "2026-11-22");
    for (let copy = 0; copy < 20; copy += 1) {
      await at.put("shop-2026-10-01.dump", plainDump(String(copy)), "2026-10-01T02:00:00Z");
    }
    const { Versions = [] } = await at.s3.listObjectVersions({ Bucket, Prefix: "shop-2026-10" });
    for (const { VersionId = "", IsLatest } of Versions) {
      if (IsLatest !== true) await at.setModified(VersionId, "2026-10-01T02:00:00Z");
    }
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 20, kept: 1, exceptions: [] });
    expect(await at.listed()).toEqual(["shop-2026-11-22T0200Z.sql.gz"]);
  });

  test("what came before the bucket kept versions goes, and what came since", async () => {
    await at.putNights(1, "2026-11-22");
    await at.s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Suspended" } });
    expect(await at.put("plain-2026-10-02.dump", plainDump(""), "2026-10-02T02:00:00Z")).toBe("null");
    await at.put("both-2026-10-02.dump", plainDump("one"), "2026-10-02T02:00:00Z");
    await at.s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Enabled" } });
    await at.put("both-2026-10-02.dump", plainDump("two"), "2026-10-02T02:00:00Z");
    await at.setModified("null", "2026-10-02T02:00:00Z");
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 3, kept: 1, exceptions: [] });
    expect((await at.entries("backup.purged")).map(({ name }) => String(name).split("?")[0])).toEqual([
      "both-2026-10-02.dump",
      "both-2026-10-02.dump",
      "plain-2026-10-02.dump",
    ]);
    expect(await at.listed()).toEqual(["shop-2026-11-22T0200Z.sql.gz"]);
  });

  test("keys with any character go", async () => {
    await at.putNights(1, "2026-11-22");
    const keys = ["Zoë & <Söhne>/2026-10-01+a b%20\n😀.dump", "a?versionId=null 2026-10-01", "2026-10-01?x=1#y"];
    for (const key of keys) await at.put(key, plainDump(""), "2026-10-01T02:00:00Z");
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 3, kept: 1, exceptions: [] });
    expect(await at.listed()).toEqual(["shop-2026-11-22T0200Z.sql.gz"]);
  });

  test("while the newest cannot be restored from, nothing is purged", async () => {
    await at.putNights(40, "2026-11-22");
    await at.put("shop-2026-11-22T0230Z.sql.gz", goodGzip("x").subarray(0, 40), "2026-11-22T02:40:00Z");
    const result = await at.purge(now, "R1");
    expect(result).toMatchObject({ purged: 0, kept: 41 });
    expect(result.exceptions.map(({ code, breach }) => [code, breach])).toEqual([
      ["BACKUP_NOT_RESTORABLE", "2026-12-22"],
      ["BACKUP_LAST_GOOD", "2026-11-13"],
    ]);
    expect(await at.listed()).toHaveLength(41);
  });

  test("a side-car goes with its set; one that is there before its set waits for it", async () => {
    await at.putNights(1, "2026-11-22");
    await at.put("shop-2026-10-01.dump", plainDump(""), "2026-10-01T02:00:00Z");
    await at.put("shop-2026-10-01.dump.sha256", "0", "2026-10-01T02:00:00Z");
    await at.put("shop-2026-11-23.dump.sha256", "0", "2026-11-22T02:00:00Z");
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 1, kept: 1, exceptions: [] });
    expect(await at.listed()).toEqual(["shop-2026-11-22T0200Z.sql.gz", "shop-2026-11-23.dump.sha256"]);
  });

  test("one that is left of a set that is long gone goes when it is as old as that would be", async () => {
    await at.putNights(1, "2026-11-22");
    await at.put("ada-2026-10-22.dump.sha256", "0", "2026-10-22T02:00:00Z");
    await at.put("ada-2026-10-24.dump.sha256", "0", "2026-10-24T02:00:00Z");
    await at.s3.deleteObject({ Bucket, Key: "ada-2026-10-22.dump.sha256" });
    const { Versions = [] } = await at.s3.listObjectVersions({ Bucket, Prefix: "ada-2026-10-22" });
    await at.setModified(Versions[0]?.VersionId ?? "", "2026-10-22T02:00:00Z");
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 0, kept: 1, exceptions: [] });
    expect(await at.listed()).toEqual(["ada-2026-10-24.dump.sha256", "shop-2026-11-22T0200Z.sql.gz"]);
  });

  test("a version that somebody else deletes between list and deletion is vanished, and not claimed", async () => {
    const [first = ""] = await at.putNights(32, "2026-11-22");
    // Of a key that has nothing else versitygw says, as S3 itself does, that what was not there is deleted.
    await at.put(first, plainDump("again"), "2026-11-22T01:00:00Z");
    const { Versions = [] } = await at.s3.listObjectVersions({ Bucket, Prefix: first });
    const old = Versions.find(({ IsLatest }) => IsLatest === false)?.VersionId ?? "";
    await at.setModified(old, "2026-10-22T02:10:00Z");
    const real = s3Repository(at.config, "Europe/Berlin");
    const racing: Repository = {
      ...real,
      remove: async (set) => {
        if (set.name.endsWith(old)) await at.s3.deleteObject({ Bucket, Key: first, VersionId: old });
        return real.remove(set);
      },
    };
    const result = await purgeRepository(at.on(now), await at.newRun("R1"), at.config, racing);
    expect(result).toMatchObject({ purged: 1, kept: 31 });
    expect(codes(result).filter((code) => !code.endsWith("DISPUTED"))).toEqual([]);
    expect((await at.states())[`${first}?versionId=${old}`]).toBe("vanished");
  });

  test("a version does not become younger when a server says that it was modified since", async () => {
    await at.putNights(2, "2026-11-22");
    await at.put("latest.dump", plainDump(""), "2026-10-01T02:00:00Z");
    await at.purge("2026-10-02T03:00:00Z", "R1");
    await at.setModified("latest.dump", "2026-11-21T02:00:00Z");
    const result = await at.purge(now, "R2");
    expect(result).toMatchObject({ purged: 0, oldest: "2026-10-01T02:00:00Z" });
    expect(result.exceptions.map(({ code, breach }) => [code, breach])).toEqual([
      ["BACKUP_DATE_DISPUTED", "2026-10-31"],
    ]);
  });

  test("an empty bucket has no backups, and proves nothing", async () => {
    const result = await at.purge(now, "R1");
    expect(codes(result)).toEqual(["* BACKUP_NONE"]);
  });

  test("more versions than one answer holds are all seen, once, and go", async () => {
    await at.putNights(1, "2026-11-22");
    await at.put("source-2026-10-01.dump", plainDump(""), "2026-10-01T02:00:00Z");
    const keys = Array.from({ length: 1_020 }, (_, index) => `many/2026-10-01-${String(index).padStart(4, "0")}.dump`);
    await at.multiply(Bucket, "source-2026-10-01.dump", keys);
    expect(await at.purge(now, "R1")).toMatchObject({ purged: 1_021, kept: 1, exceptions: [] });
    expect(await at.listed()).toEqual(["shop-2026-11-22T0200Z.sql.gz"]);
  });
});
