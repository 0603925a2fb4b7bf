import { createHash } from "node:crypto";
import { readDump } from "#backups/restorable.ts";
import type { BackupCode, BackupSet } from "#backups/repository.ts";
import type { Bucket, FoundObject } from "#backups/s3/bucket.ts";
import { placeOf, versionDigest } from "#backups/s3/place.ts";
import { sideCarSays } from "#backups/side-car.ts";

/**
 * Reads a version to its end, by stream. The SDK compares the bytes with the checksum that S3 keeps of them, if it keeps one; here they are compared
 * with what else there is: the length, the ETag where it is an MD5, and `KEY.sha256`.
 */
export const verifyVersion = async (bucket: Bucket, set: BackupSet): Promise<BackupCode | undefined> => {
  const place = placeOf(set.name);
  if ("upload" in place) return "BACKUP_PARTIAL";
  if (set.bytes === 0) return "BACKUP_NOT_RESTORABLE";
  try {
    const found = await bucket.find(place);
    if (found === undefined) return "BACKUP_UNREADABLE";
    if (versionDigest({ ...found, version: place.version }) !== set.sha256) return "BACKUP_CHECKSUM";
    const md5 = createHash("md5");
    let bytes = 0;
    const measured = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        md5.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    };
    const verdict = await readDump(measured(await bucket.read(found)));
    if (verdict.content === "broken" || bytes !== set.bytes) return "BACKUP_NOT_RESTORABLE";
    const expected = md5Of(found);
    if (expected !== undefined && md5.digest("hex") !== expected) return "BACKUP_CHECKSUM";
    const sideCar = await sideCarOf(bucket, found, verdict.sha256);
    if (sideCar === "mismatch") return "BACKUP_CHECKSUM";
    return verdict.content === "unknown" && sideCar === "none" ? "BACKUP_NOT_RESTORABLE" : undefined;
  } catch {
    return "BACKUP_UNREADABLE";
  }
};

/** Of what was uploaded in parts the ETag is none, and of what a key of KMS or of the customer encrypts. */
const md5Of = ({ etag, encryption }: FoundObject): string | undefined => {
  if (encryption !== undefined && encryption !== "AES256") return undefined;
  return /^"?([0-9a-f]{32})"?$/.exec(etag)?.[1];
};

/** It speaks for what is current under the key: of the versions before nobody knows which side-car was theirs. */
const sideCarOf = async (
  bucket: Bucket,
  { key, version }: FoundObject,
  sha256: string,
): Promise<BackupSet["sideCar"]> => {
  const current = await bucket.findCurrent(key);
  if (current?.version !== version) return "none";
  const sideCar = await bucket.findCurrent(`${key}.sha256`);
  if (sideCar === undefined) return "none";
  return sideCarSays(await bucket.readHead(sideCar), sha256);
};
