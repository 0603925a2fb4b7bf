import type { BackupSet } from "#backups/repository.ts";
import { digestOf, sha256Hex } from "#lib/canonical.ts";

/** One version of an object. `null`: what a bucket without versions has, or had before it got them; S3 itself says the word. */
export type VersionPlace = { readonly key: string; readonly version: string };

/** An upload in parts that was begun and not completed: in no listing of objects. */
export type UploadPlace = { readonly key: string; readonly upload: string };

export type Place = VersionPlace | UploadPlace;

const marked = /^(?<key>.*)\?(?<kind>versionId|uploadId)=(?<id>[^?]*)$/s;

/**
 * The name of a set: the key, with what S3's own addresses say of the version or upload. A key alone is the version `null`. No two places have one
 * name: a key that itself looks as if it named a version is never left alone.
 */
export const nameOf = (place: Place): string => {
  if ("upload" in place) return `${place.key}?uploadId=${place.upload}`;
  const { key, version } = place;
  return version === "null" && !marked.test(key) ? key : `${key}?versionId=${version}`;
};

export const placeOf = (name: string): Place => {
  const { key = name, kind, id = "null" } = marked.exec(name)?.groups ?? {};
  return kind === "uploadId" ? { key, upload: id } : { key, version: id };
};

/** With a repository and a digest it has to fit into an entry of an index of PostgreSQL. Of AWS, whose keys and ids have 1,024 bytes each, it is shorter. */
const longestName = 2_200;

/** Whether what a server lists has a name that can be kept, and leads back to it: on servers other than AWS's, keys may be longer, and ids anything. */
export const isNameable = (place: Place): boolean => {
  const name = nameOf(place);
  if ("version" in place && place.version === "") return false;
  if (place.key === "" || name.includes("\0") || !name.isWellFormed() || Buffer.byteLength(name) > longestName)
    return false;
  const back = placeOf(name);
  if (back.key !== place.key) return false;
  if ("upload" in place) return "upload" in back && back.upload === place.upload;
  return "version" in back && back.version === place.version;
};

/** What can be told of a place without such a name. */
export const namelessName = (place: Place): string =>
  nameOf({ ...place, key: place.key.slice(0, 512) })
    .slice(0, 1_024)
    .toWellFormed()
    .replaceAll("\0", "\uFFFD");

export type ObjectFacts = VersionPlace & { readonly etag: string; readonly bytes: number };

/**
 * The digest of a version: the SHA-256 of the canonical JSON of `{bytes, etag, key, version}`, where the ETag has no quotes. It is made of the
 * listing alone, since nobody reads a hundred thousand objects a night; S3 never changes bytes under a version, nor, under the version `null`, without
 * changing the ETag. Of an upload: that of `{key, upload}`.
 */
export const versionDigest = ({ key, version, etag, bytes }: ObjectFacts): BackupSet["sha256"] =>
  // Canonical as it is, its members being in order: of a hundred thousand, sorting them takes half a second.
  sha256Hex(JSON.stringify({ bytes, etag: etag.replaceAll('"', ""), key, version }));

export const uploadDigest = ({ key, upload }: UploadPlace): BackupSet["sha256"] => digestOf({ key, upload });
