import type { S3 } from "@aws-sdk/client-s3";
import type { S3Config } from "#config.ts";
import type { BackupSet, Inventory, KnownSet } from "#backups/repository.ts";
import { atOnce, type Bucket } from "#backups/s3/bucket.ts";
import { listUploads, listVersions, type ListedUpload, type ListedVersion } from "#backups/s3/listing.ts";
import { nameOf, placeOf, uploadDigest, versionDigest, type VersionPlace } from "#backups/s3/place.ts";
import { refusalOf, unreadable } from "#backups/s3/refusal.ts";
import { dateInName, heldSince } from "#backups/set-date.ts";
import { forEachAtOnce } from "#lib/at-once.ts";

export type Contents = {
  readonly inventory: Inventory;
  /** Delete markers, and versions of side-cars: what may be left when nothing is under a key any more. */
  readonly markers: readonly VersionPlace[];
  readonly sideCars: readonly VersionPlace[];
};

/**
 * Lists what is in a bucket, page by page. Uploads come first: one that is completed meanwhile is there twice, and not never.
 *
 * @throws LetheError `BACKUPS_UNREADABLE`
 */
export const contentsOf = async (
  s3: S3,
  bucket: Bucket,
  config: S3Config,
  { known, timeZone }: { readonly known: readonly KnownSet[]; readonly timeZone: string },
): Promise<Contents> => {
  const byName = new Map(known.map((set) => [set.name, set]));
  const sets: BackupSet[] = [];
  const names = new Set<string>();
  const markers = new Map<string, VersionPlace>();
  const sideCars = new Map<string, VersionPlace>();
  const add = (set: BackupSet): void => {
    if (names.has(set.name)) return;
    names.add(set.name);
    sets.push(set);
  };
  for await (const uploads of listUploads(s3, config)) {
    await forEachAtOnce(uploads, atOnce, async (upload) => {
      const bytes = await bucket.uploaded(upload).catch((error: unknown) => {
        throw unreadable(config, refusalOf(error));
      });
      if (bytes !== undefined) add(uploadSet(upload, bytes, timeZone));
    });
  }
  for await (const page of listVersions(s3, config)) {
    for (const marker of page.markers) markers.set(nameOf(marker), marker);
    for (const version of page.versions) {
      if (isSideCar(version)) sideCars.set(nameOf(version), version);
      else if (!isFolder(version)) add(versionSet(version, byName, timeZone));
    }
  }
  return {
    inventory: { sets, names, oddities: [], logs: [] },
    markers: [...markers.values()],
    sideCars: [...sideCars.values()],
  };
};

const sideCarEnd = ".sha256";

const isSideCar = ({ key }: ListedVersion): boolean => key.endsWith(sideCarEnd);

/**
 * What can go now that sets are `gone`: side-cars of keys of which we deleted the last version (one that comes before its set has to be there when
 * that comes), and delete markers over nothing. Neither holds a byte of a backup, but a key can be somebody's name.
 */
export const leftovers = (
  { inventory, sideCars, markers }: Contents,
  { gone, ours }: { readonly gone: ReadonlySet<string>; readonly ours: ReadonlySet<string> },
): Pick<Contents, "sideCars" | "markers"> => {
  const left = new Set(inventory.sets.filter(({ name }) => !gone.has(name)).map(({ name }) => placeOf(name).key));
  const going: VersionPlace[] = [];
  for (const sideCar of sideCars) {
    const key = sideCar.key.slice(0, -sideCarEnd.length);
    if (ours.has(key) && !left.has(key)) going.push(sideCar);
    else left.add(sideCar.key);
  }
  return { sideCars: going, markers: markers.filter(({ key }) => !left.has(key)) };
};

/** What consoles and gateways make for a folder. */
const isFolder = ({ key, bytes }: ListedVersion): boolean => bytes === 0 && key.endsWith("/");

const versionSet = (version: ListedVersion, known: ReadonlyMap<string, KnownSet>, timeZone: string): BackupSet => {
  const { key, bytes, modified } = version;
  const name = nameOf(version);
  const sha256 = versionDigest(version);
  const before = known.get(name);
  // Whatever a server takes for a modification later, the bytes are as old as they were.
  const written = before?.sha256 === sha256 ? heldSince({ taken: before.taken, modified }) : modified;
  const taken = dateInName(key, timeZone) ?? written;
  // What a side-car says is read when the set is verified, not of all of them every night.
  return { name, sha256, bytes, taken, modified, sideCar: "none", needs: [], restores: taken };
};

const uploadSet = (upload: ListedUpload, bytes: number, timeZone: string): BackupSet => {
  const { key, begun } = upload;
  const taken = dateInName(key, timeZone) ?? begun;
  return {
    name: nameOf(upload),
    sha256: uploadDigest(upload),
    bytes,
    taken,
    modified: begun,
    sideCar: "none",
    needs: [],
    restores: taken,
    unfinished: true,
  };
};
