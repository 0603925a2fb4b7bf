import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { purgeRepository } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { lineTo, type Line } from "#test/backups/s3/between.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";
import { plainDump } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";

describe.skipIf(gatewayMissing !== undefined)("a name that cannot be kept", () => {
  let at: BucketScene;
  let line: Line;
  beforeEach(async () => {
    at = await bucketScene(now);
    await at.putNights(32, "2026-11-22");
    line = await lineTo(at.endpoint);
  });
  afterEach(async () => {
    await line.close();
    await at.dispose();
  });

  const night = async (): Promise<RepositoryResult> => {
    const config = { ...at.config, endpoint: line.endpoint };
    return purgeRepository(at.on(now), await at.newRun("R1"), config, s3Repository(config, "Europe/Berlin"));
  };

  test("since it is too long is told and left alone, and nothing else waits for it", async () => {
    // Of names that repeat themselves PostgreSQL keeps long ones as well.
    const part = (of: number): string => createHash("sha512").update(String(of)).digest("hex");
    const Key = Array.from({ length: 24 }, (_, of) => part(of)).join("/");
    await at.s3.putObject({ Bucket, Key, Body: plainDump("") });
    await at.s3.createMultipartUpload({ Bucket, Key });
    const result = await night();
    expect(result).toMatchObject({ purged: 2, kept: 30 });
    expect(result.exceptions.map(({ code, name }) => [code, name.length < 1_100])).toEqual([
      ["BACKUP_FOREIGN", true],
      ["BACKUP_FOREIGN", true],
    ]);
    expect(await at.listed()).toContain(Key);
  });

  test.each([
    { what: "an end of text", as: "a&#x0;b", told: "a\uFFFDb" },
    { what: "half a character", as: "a&#xD800;b", told: "a\uFFFDb" },
    { what: "nothing", as: "", told: "" },
  ])("since there is $what in it is told likewise, and nothing is asked for under it", async ({ as, told }) => {
    const asked: string[] = [];
    line.answer = ({ url }) => void asked.push(url);
    line.rewrite = (_asked, body) =>
      body
        .replace("shop-2026-10-22T0200Z.sql.gz", as)
        .replace("</ListVersionsResult>", `<DeleteMarker><Key>${as}</Key><VersionId>1</VersionId></DeleteMarker>$&`);
    const result = await night();
    expect(result).toMatchObject({ purged: 1, kept: 30 });
    expect(result.exceptions).toMatchObject([
      { name: expect.stringContaining(`${told}?versionId=`), code: "BACKUP_FOREIGN" },
    ]);
    expect(asked.filter((url) => !/\?(?:versions|uploads|prefix)|\/shop-/.test(url))).toEqual([]);
    expect(await at.listed()).toHaveLength(31);
  });

  test.each([
    { what: "it would be read as another place", id: "1?versionId=2" },
    { what: "without one an object would be deleted, not a version", id: "" },
  ])("of a version, since $what", async ({ id }) => {
    line.rewrite = (_asked, body) => body.replace(/<VersionId>[^<]*/, `<VersionId>${id}`);
    expect(await night()).toMatchObject({ purged: 1, kept: 30, exceptions: [{ code: "BACKUP_FOREIGN" }] });
    expect(await at.listed()).toHaveLength(31);
  });
});
