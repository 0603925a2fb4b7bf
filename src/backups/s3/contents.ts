import type { S3 } from "@aws-sdk/client-s3";
import { Temporal } from "temporal-polyfill";
import type { S3Config } from "#config.ts";
import type { BackupSet, Inventory, KnownSet, KnownSets, Oddity } from "#backups/repository.ts";
import { atOnce, type Bucket } from "#backups/s3/bucket.ts";
import { listUploads, listVersions, type ListedUpload, type ListedVersion } from "#backups/s3/listing.ts";
import {
  isNameable,
  namelessName,
  nameOf,
  placeOf,
  uploadDigest,
  versionDigest,
  type VersionPlace,
} from "#backups/s3/place.ts";
import { refusalOf, unreadable } from "#backups/s3/refusal.ts";
import { dateInName } from "#backups/set-date.ts";
import { forEachAtOnce } from "#lib/at-once.ts";

export type Contents = {
  readonly inventory: Inventory;
  /** Delete markers, and versions of side-cars: what may be left when nothing is under a key any more. */
  readonly markers: readonly VersionPlace[];
  readonly sideCars: readonly ListedVersion[];
};

/**
 * Lists what is in a bucket, page by page. Uploads come first: one that is completed meanwhile is there twice, and not never. Of a hundred thousand
 * versions that are as they were known, nothing is held twice.
 *
 * @throws LetheError `BACKUPS_UNREADABLE`
 */
export const contentsOf = async (
  s3: S3,
  bucket: Bucket,
  config: S3Config,
  known: KnownSets,
  timeZone: string,
): Promise<Contents> => {
  const sets: BackupSet[] = [];
  const names = new Set<string>();
  const oddities = new Map<string, Oddity>();
  const markers = new Map<string, VersionPlace>();
  const sideCars = new Map<string, ListedVersion>();
  const add = (set: BackupSet): void => {
    if (names.has(set.name)) return;
    names.add(set.name);
    sets.push(set);
  };
  const addOddity = (place: ListedUpload | ListedVersion): void => {
    const name = namelessName(place);
    oddities.set(name, {
      name,
      code: "BACKUP_FOREIGN",
      modified: Temporal.Instant.fromEpochMilliseconds(place.modified),
    });
  };
  for await (const uploads of listUploads(s3, config)) {
    await forEachAtOnce(uploads, atOnce, async (upload) => {
      if (!isNameable(upload)) {
        addOddity(upload);
        return;
      }
      const bytes = await bucket.uploaded(upload).catch((error: unknown) => {
        throw unreadable(config, refusalOf(error));
      });
      if (bytes !== undefined) add(uploadSet(upload, bytes, timeZone));
    });
  }
  for await (const page of listVersions(s3, config)) {
    for (const marker of page.markers) if (isNameable(marker)) markers.set(nameOf(marker), marker);
    for (const version of page.versions) {
      if (!isNameable(version)) addOddity(version);
      else if (isSideCar(version)) sideCars.set(nameOf(version), version);
      else if (!isFolder(version)) add(versionSet(version, known.get(nameOf(version)), timeZone));
    }
  }
  return {
    inventory: {
      sets,
      names,
      completed: completedOf(known, sets, names),
      oddities: [...oddities.values()],
      logs: [],
    },
    markers: [...markers.values()],
    sideCars: [...sideCars.values()],
  };
};

const completedOf = (known: KnownSets, sets: readonly BackupSet[], names: ReadonlySet<string>): ReadonlySet<string> => {
  const left = [...known.keys()].filter((name) => "upload" in placeOf(name) && !names.has(name));
  if (left.length === 0) return new Set();
  const fresh = new Set(sets.flatMap(({ name }) => (known.has(name) ? [] : [placeOf(name).key])));
  return new Set(left.filter((name) => fresh.has(placeOf(name).key)));
};

const sideCarEnd = ".sha256";

const isSideCar = ({ key }: ListedVersion): boolean => key.endsWith(sideCarEnd);

/**
 * What can go now that sets are `gone`: side-cars of keys of which we deleted the last version, or that came `until` then (one that comes before its
 * set has to be there when that comes), and delete markers over nothing. Neither holds a byte of a backup, but a key can be somebody's name. What is `doubted` may be under
 * its key all the same.
 */
export const leftovers = (
  { inventory, sideCars, markers }: Contents,
  {
    gone,
    ours,
    doubted,
    until,
  }: Readonly<Record<"gone" | "ours" | "doubted", ReadonlySet<string>>> & {
    readonly until: number;
  },
): Pick<Contents, "sideCars" | "markers"> => {
  const left = new Set(doubted);
  for (const { name } of inventory.sets) if (!gone.has(name)) left.add(placeOf(name).key);
  const going: ListedVersion[] = [];
  for (const sideCar of sideCars) {
    const key = sideCar.key.slice(0, -sideCarEnd.length);
    if ((ours.has(key) || sideCar.modified < until) && !left.has(key)) going.push(sideCar);
    else left.add(sideCar.key);
  }
  return { sideCars: going, markers: markers.filter(({ key }) => !left.has(key)) };
};

/** What consoles and gateways make for a folder. */
const isFolder = ({ key, bytes }: ListedVersion): boolean => bytes === 0 && key.endsWith("/");

type Dates = Pick<BackupSet, "taken" | "modified">;

const datesOf = (
  { key, modified: ms }: { readonly key: string; readonly modified: number },
  timeZone: string,
): Dates => {
  const modified = Temporal.Instant.fromEpochMilliseconds(ms);
  return { taken: dateInName(key, timeZone) ?? modified, modified };
};

const versionSet = (version: ListedVersion, known: KnownSet | BackupSet | undefined, timeZone: string): BackupSet => {
  const { bytes } = version;
  const sha256 = versionDigest(version);
  if (known?.sha256 !== sha256) {
    const dates = datesOf(version, timeZone);
    return { name: nameOf(version), sha256, bytes, ...dates, ...alone, restores: dates.taken };
  }
  const { name, taken } = known;
  const isAsItWas = known.modified.epochMilliseconds === version.modified;
  if (isAsItWas && "needs" in known) return known;
  // Of bytes that were there before: they are as old as they were, whatever a server takes for a modification since.
  const modified = isAsItWas ? known.modified : Temporal.Instant.fromEpochMilliseconds(version.modified);
  return { name, sha256: known.sha256, bytes, taken, modified, ...alone, restores: taken };
};

/** What a side-car says is read when the set is verified, not of all of them every night. */
const alone: Pick<BackupSet, "sideCar" | "needs"> = { sideCar: "none", needs: [] };

const uploadSet = (upload: ListedUpload, bytes: number, timeZone: string): BackupSet => {
  const dates = datesOf(upload, timeZone);
  return {
    name: nameOf(upload),
    sha256: uploadDigest(upload),
    bytes,
    ...dates,
    ...alone,
    restores: dates.taken,
    unfinished: true,
  };
};
