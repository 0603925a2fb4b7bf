import { customDump } from "#test/backups/custom-dumps.ts";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackupCode } from "#backups/repository.ts";
import { s3Repository } from "#backups/s3/repository.ts";
import type { S3Config } from "#config.ts";
import { gatewayMissing } from "#test/backups/programs.ts";
import { goodGzip, plainDump } from "#test/backups/repository-files.ts";
import { bucketScene, type BucketScene } from "#test/backups/s3/bucket-scene.ts";

const now = "2026-11-22T03:00:00Z";
const Bucket = "dumps";

describe.skipIf(gatewayMissing !== undefined)("a version is read to its end", () => {
  let at: BucketScene;
  beforeAll(async () => {
    at = await bucketScene(now);
  });
  afterAll(() => at.dispose());

  let keys = 0;
  const nextKey = (): string => `dump-${(keys += 1)}/a.dump`;
  /** What is said of a version of a key, the current one unless another is named. */
  const verdict = async (Key: string, id?: string, config: S3Config = at.config): Promise<BackupCode | "good"> => {
    const { VersionId } = id === undefined ? await at.s3.headObject({ Bucket, Key }) : { VersionId: id };
    const repository = s3Repository(at.config, "UTC");
    const set = (await repository.inventory(new Map())).sets.find(
      ({ name }) => name === `${Key}?versionId=${VersionId}`,
    );
    if (set === undefined) throw new Error("not listed");
    return (await s3Repository(config, "UTC").verifyRestorable(set)) ?? "good";
  };
  const verdictOn = async (body: string | Uint8Array): Promise<BackupCode | "good"> => {
    const key = nextKey();
    await at.put(key, body, now);
    return verdict(key);
  };

  test("complete dumps are good: plain, compressed, custom format", async () => {
    expect(await verdictOn(plainDump("a"))).toBe("good");
    expect(await verdictOn(goodGzip("a"))).toBe("good");
    expect(await verdictOn(zstdCompressSync(plainDump("a")))).toBe("good");
    expect(await verdictOn(customDump(2))).toBe("good");
  });

  test("dumps that were cut off, and nothing at all, are not", async () => {
    expect(await verdictOn("")).toBe("BACKUP_NOT_RESTORABLE");
    expect(await verdictOn(plainDump("a").slice(0, -60))).toBe("BACKUP_NOT_RESTORABLE");
    expect(await verdictOn(goodGzip("a").subarray(0, -8))).toBe("BACKUP_NOT_RESTORABLE");
    expect(await verdictOn(customDump(2).subarray(0, -1))).toBe("BACKUP_NOT_RESTORABLE");
    expect(await verdictOn("x")).toBe("BACKUP_NOT_RESTORABLE");
  });

  test("what the server kept a checksum of, and is not that any more, is not", async () => {
    const key = nextKey();
    await at.put(key, plainDump("a".repeat(50)), now);
    await writeFile(join(at.directory, "data", Bucket, key), plainDump("b".repeat(50)));
    expect(await verdict(key)).toBe("BACKUP_NOT_RESTORABLE");
  });

  test("nor is what only the ETag speaks against", async () => {
    const key = nextKey();
    await at.put(key, plainDump("a".repeat(50)), now);
    // The SDK's own word for that it compares nothing: as where a server keeps no checksum.
    process.env["AWS_RESPONSE_CHECKSUM_VALIDATION"] = "WHEN_REQUIRED";
    try {
      expect(await verdict(key)).toBe("good");
      await writeFile(join(at.directory, "data", Bucket, key), plainDump("b".repeat(50)));
      expect(await verdict(key)).toBe("BACKUP_CHECKSUM");
    } finally {
      delete process.env["AWS_RESPONSE_CHECKSUM_VALIDATION"];
    }
  });

  test("other bytes than those that were listed are not", async () => {
    const key = nextKey();
    await at.put(key, plainDump("a".repeat(50)), now);
    const repository = s3Repository(at.config, "UTC");
    const set = (await repository.inventory(new Map())).sets.find(({ name }) => name.startsWith(key));
    await writeFile(join(at.directory, "data", Bucket, key), plainDump("a".repeat(49)));
    expect(set && (await repository.verifyRestorable(set))).toBe("BACKUP_CHECKSUM");
  });

  test("an unknown format is as good as its side-car, which speaks for the current version alone", async () => {
    const key = nextKey();
    const older = await at.put(key, "an archive", now);
    expect(await verdict(key)).toBe("BACKUP_NOT_RESTORABLE");
    const sideCar = (of: string): string => `${createHash("sha256").update(of).digest("hex")}  a.dump\n`;
    await at.put(`${key}.sha256`, sideCar("an archive"), now);
    expect(await verdict(key)).toBe("good");
    await at.put(key, plainDump("another"), now);
    expect(await verdict(key)).toBe("BACKUP_CHECKSUM");
    await at.put(`${key}.sha256`, sideCar(plainDump("another")), now);
    expect(await verdict(key)).toBe("good");
    expect(await verdict(key, older)).toBe("BACKUP_NOT_RESTORABLE");
  });

  test("what was uploaded in parts has an ETag that is no MD5, and is good all the same", async () => {
    const Key = nextKey();
    const body = gzipSync(plainDump(randomBytes(9_000_000).toString("base64")), { level: 1 });
    const { UploadId } = await at.s3.createMultipartUpload({ Bucket, Key });
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const [index, part] of [body.subarray(0, 6_000_000), body.subarray(6_000_000)].entries()) {
      const PartNumber = index + 1;
      const { ETag } = await at.s3.uploadPart({ Bucket, Key, UploadId, PartNumber, Body: part });
      Parts.push({ PartNumber, ETag });
    }
    await at.s3.completeMultipartUpload({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
    expect(await verdict(Key)).toBe("good");
  });

  test("a stream that breaks off in the middle makes it not restorable, and nothing else", async () => {
    const key = nextKey();
    await at.put(key, gzipSync(plainDump(randomBytes(3_000_000).toString("base64"))), now);
    let passed = 0;
    const line = createServer((client) => {
      const server = connect(Number(new URL(at.endpoint).port), "127.0.0.1");
      client.on("error", () => undefined).pipe(server);
      server
        .on("error", () => undefined)
        .on("data", (chunk: Buffer) => {
          passed += chunk.length;
          if (passed > 1_000_000) client.destroy();
          else client.write(chunk);
        })
        .on("close", () => client.destroy());
      client.on("close", () => server.destroy());
    });
    await once(line.listen(0, "127.0.0.1"), "listening");
    const { port } = line.address() as AddressInfo;
    try {
      expect(await verdict(key, undefined, { ...at.config, endpoint: `http://127.0.0.1:${port}` })).toBe(
        "BACKUP_NOT_RESTORABLE",
      );
      expect(passed).toBeGreaterThan(1_000_000);
    } finally {
      line.close();
    }
  });
});
