import type { S3 } from "@aws-sdk/client-s3";
import { atOnce } from "#backups/s3/bucket.ts";
import { forEachAtOnce } from "#lib/at-once.ts";

type Version = { readonly key: string; readonly id: string; readonly modified: Date };

/** Every version of a bucket, page by page and once, by its key and id: nothing but the SDK's calls. */
export const listByHand = async (s3: S3, Bucket: string): Promise<ReadonlyMap<string, Version>> => {
  const versions = new Map<string, Version>();
  let KeyMarker: string | undefined;
  let VersionIdMarker: string | undefined;
  do {
    const page = await s3.listObjectVersions({ Bucket, KeyMarker, VersionIdMarker });
    for (const { Key = "", VersionId = "", LastModified } of page.Versions ?? []) {
      if (LastModified === undefined) throw new TypeError("listed without a time");
      versions.set(`${Key} ${VersionId}`, { key: Key, id: VersionId, modified: LastModified });
    }
    KeyMarker = page.IsTruncated === true ? page.NextKeyMarker : undefined;
    VersionIdMarker = page.NextVersionIdMarker;
  } while (KeyMarker !== undefined);
  return versions;
};

/**
 * What an engineer writes who has to be able to say that backups are gone: lists, deletes what is older than a moment, lists again, and asks for each by
 * its version. It keeps no record and reads no backup. Answers how many went; the caller times it.
 */
export const purgeByHand = async (s3: S3, Bucket: string, before: Date): Promise<number> => {
  const due = [...(await listByHand(s3, Bucket)).values()].filter(({ modified }) => modified < before);
  await forEachAtOnce(due, atOnce, async ({ key, id }) => {
    await s3.deleteObject({ Bucket, Key: key, VersionId: id });
  });
  const left = await listByHand(s3, Bucket);
  await forEachAtOnce(due, atOnce, async ({ key, id }) => {
    const found = await s3.headObject({ Bucket, Key: key, VersionId: id }).then(
      () => true,
      () => false,
    );
    if (found || left.has(`${key} ${id}`)) throw new Error(`${key} is still there`);
  });
  return due.length;
};
