import type { S3 } from "@aws-sdk/client-s3";
import type { S3Config } from "#config.ts";
import type { ObjectFacts, UploadPlace, VersionPlace } from "#backups/s3/place.ts";
import { refusalOf, unreadable } from "#backups/s3/refusal.ts";
import { isLetheError } from "#lib/errors.ts";

/** `modified`: when it came, of an upload when it was begun; in milliseconds since 1970. */
export type ListedVersion = ObjectFacts & { readonly modified: number };
export type ListedUpload = UploadPlace & { readonly modified: number };
export type VersionPage = { readonly versions: readonly ListedVersion[]; readonly markers: readonly VersionPlace[] };

/**
 * Every version below the prefix, whether something lies over it or not, and every delete marker. A version can come twice: versitygw begins a page
 * with what ended the one before.
 *
 * @throws LetheError `BACKUPS_UNREADABLE`
 */
export async function* listVersions(s3: S3, config: S3Config): AsyncGenerator<VersionPage> {
  const pages = pagesOf(config, async (after) => {
    const page = await s3.listObjectVersions({ ...where(config), KeyMarker: after.key, VersionIdMarker: after.id });
    return { page, next: nextOf(told(config, page.IsTruncated), page.NextKeyMarker, page.NextVersionIdMarker) };
  });
  for await (const { Versions = [], DeleteMarkers = [] } of pages) {
    yield {
      versions: Versions.filter(isIn(config)).map(({ Key, VersionId = "null", ETag = "", Size, LastModified }) => ({
        key: told(config, Key),
        version: VersionId,
        etag: ETag,
        bytes: told(config, Size),
        modified: told(config, LastModified).getTime(),
      })),
      markers: DeleteMarkers.filter(isIn(config)).map(({ Key, VersionId = "null" }) => ({
        key: told(config, Key),
        version: VersionId,
      })),
    };
  }
}

/** Every upload in parts that nobody completed or gave up. @throws LetheError `BACKUPS_UNREADABLE` */
export async function* listUploads(s3: S3, config: S3Config): AsyncGenerator<readonly ListedUpload[]> {
  const pages = pagesOf(config, async (after) => {
    const page = await s3.listMultipartUploads({ ...where(config), KeyMarker: after.key, UploadIdMarker: after.id });
    return { page, next: nextOf(told(config, page.IsTruncated), page.NextKeyMarker, page.NextUploadIdMarker) };
  });
  for await (const { Uploads = [] } of pages) {
    yield Uploads.filter(isIn(config)).map(({ Key, UploadId, Initiated }) => ({
      key: told(config, Key),
      upload: told(config, UploadId),
      modified: told(config, Initiated).getTime(),
    }));
  }
}

/** Where the next page begins: after a key, and a version or an upload of it. */
type After = { readonly key?: string | undefined; readonly id?: string | undefined };

async function* pagesOf<P>(
  config: S3Config,
  ask: (after: After) => Promise<{ readonly page: P; readonly next: After | undefined }>,
): AsyncGenerator<P> {
  let after: After = {};
  const begun = new Set<string>();
  for (;;) {
    const { page, next } = await ask(after).catch((error: unknown) => {
      throw isLetheError(error) ? error : unreadable(config, refusalOf(error));
    });
    yield page;
    if (next === undefined) return;
    // Whoever is sent back to where they were, or to the beginning, would ask for ever.
    const place = JSON.stringify([next.key, next.id]);
    if (next.key === undefined || begun.has(place)) throw misunderstood(config);
    begun.add(place);
    after = next;
  }
}

/** A server may say with an empty text that there is none, which it takes from nobody. */
const nextOf = (truncated: boolean, key = "", id = ""): After | undefined =>
  truncated ? { key: key === "" ? undefined : key, id: id === "" ? undefined : id } : undefined;

const where = ({ bucket, prefix }: S3Config) => ({ Bucket: bucket, Prefix: prefix });

/** The server was asked for nothing else; what it answers decides what is deleted. */
const isIn =
  ({ prefix }: S3Config) =>
  ({ Key }: { readonly Key?: string | undefined }): boolean =>
    Key?.startsWith(prefix) !== false;

/** What every answer of S3 says. A page of something else must not pass for one on which nothing stands. */
const told = <T>(config: S3Config, value: T | undefined): T => {
  if (value === undefined) throw misunderstood(config);
  return value;
};

const misunderstood = (config: S3Config) => unreadable(config, { word: "NotUnderstood", status: undefined });
