import type { S3 } from "@aws-sdk/client-s3";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { S3Config } from "#config.ts";
import type { ObjectFacts, UploadPlace, VersionPlace } from "#backups/s3/place.ts";
import { isAbsent, isUnknownThere } from "#backups/s3/refusal.ts";

export type FoundObject = ObjectFacts & {
  /** What lies under its key where no version is asked for. */
  readonly current: boolean;
  readonly encryption: string | undefined;
};

/** Requests about one object or upload in a bucket. All throw what the SDK throws, but for what they say. */
export type Bucket = {
  /** Undefined: there is no such version. */
  readonly find: (place: VersionPlace) => Promise<FoundObject | undefined>;
  /** Undefined: nothing lies under the key, or a delete marker does. */
  readonly findCurrent: (key: string) => Promise<FoundObject | undefined>;
  readonly read: (found: FoundObject) => Promise<Readable>;
  /** The first bytes of what a checksum file holds. */
  readonly readHead: (found: FoundObject) => Promise<string>;
  /** Bytes that were uploaded so far; undefined: there is no such upload. */
  readonly uploaded: (place: UploadPlace) => Promise<number | undefined>;
  /** Deletes this version or marker and nothing else. `etag`: only while the current object has it. */
  readonly remove: (place: VersionPlace, etag?: string) => Promise<void>;
  readonly abort: (place: UploadPlace) => Promise<void>;
};

/** Requests. AWS takes thousands a second; a server of one's own has other work at night. */
export const atOnce = 16;

export const bucketOf = (s3: S3, { bucket }: S3Config): Bucket => {
  const head = async (key: string, version?: string): Promise<FoundObject | undefined> => {
    const found = await orAbsent(s3.headObject({ Bucket: bucket, Key: key, ...versioned(version) }));
    if (found === undefined) return undefined;
    const { VersionId = "null", ETag = "", ContentLength = 0, ServerSideEncryption } = found;
    return {
      key,
      version: VersionId,
      etag: ETag,
      bytes: ContentLength,
      current: version === undefined,
      encryption: ServerSideEncryption,
    };
  };
  const read = async ({ key, version, current, etag }: FoundObject, range?: string): Promise<Readable> => {
    const { Body } = await s3.getObject({
      Bucket: bucket,
      Key: key,
      ...unchanged(etag),
      ...(current ? {} : versioned(version)),
      ...(range === undefined ? {} : { Range: range }),
    });
    if (Body instanceof Readable) return Body;
    throw new TypeError("no body");
  };
  let kept: Promise<boolean> | undefined;
  const keepsVersions = (): Promise<boolean> =>
    (kept ??= s3.getBucketVersioning({ Bucket: bucket }).then(
      ({ Status }) => Status !== undefined,
      (error: unknown) => {
        if (isUnknownThere(error)) return false;
        throw error;
      },
    ));
  return {
    find: async ({ key, version }) => {
      if (version !== "null") return head(key, version);
      // The word is no name of a version where there are none, nor for versitygw of an object that is current.
      const current = await head(key);
      if (current?.version === "null") return current;
      return (await keepsVersions()) ? head(key, version) : undefined;
    },

    findCurrent: (key) => head(key),

    read: (found) => read(found),

    readHead: async (found) => text(await read(found, "bytes=0-1023")),

    uploaded: async ({ key, upload }) => {
      let bytes = 0;
      let after: string | undefined;
      for (;;) {
        const page = await orAbsent(
          s3.listParts({
            Bucket: bucket,
            Key: key,
            UploadId: upload,
            ...(after === undefined ? {} : { PartNumberMarker: after }),
          }),
        );
        if (page === undefined) return undefined;
        for (const { Size = 0 } of page.Parts ?? []) bytes += Size;
        if (page.IsTruncated !== true || page.NextPartNumberMarker === after) return bytes;
        after = page.NextPartNumberMarker;
      }
    },

    remove: async ({ key, version }, etag) => {
      // Never without a version: where there are some, that would only lay a delete marker over them. Never past a lock either.
      await s3.deleteObject({
        Bucket: bucket,
        Key: key,
        VersionId: version,
        ...unchanged(etag),
      });
    },

    abort: async ({ key, upload }) => {
      await s3.abortMultipartUpload({ Bucket: bucket, Key: key, UploadId: upload });
    },
  };
};

const versioned = (version: string | undefined) => (version === undefined ? {} : { VersionId: version });

/** A gateway over files has none of those that it did not write itself. */
const unchanged = (etag: string | undefined) => (etag === undefined || etag === "" ? {} : { IfMatch: etag });

const orAbsent = async <T>(answer: Promise<T>): Promise<T | undefined> => {
  try {
    return await answer;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
};
