import type { S3 } from "@aws-sdk/client-s3";
import type { Temporal } from "temporal-polyfill";
import type { S3Config } from "#config.ts";
import type { BackupSet, KnownSets, Removal, Repository } from "#backups/repository.ts";
import { atOnce, bucketOf, type Bucket } from "#backups/s3/bucket.ts";
import { contentsOf, leftovers, type Contents } from "#backups/s3/contents.ts";
import { openS3 } from "#backups/s3/open-s3.ts";
import { nameOf, placeOf, versionDigest, type VersionPlace } from "#backups/s3/place.ts";
import { isAbsent, refusalOf } from "#backups/s3/refusal.ts";
import { fetchDump } from "#backups/s3/restore.ts";
import { settingFindings } from "#backups/s3/setting-findings.ts";
import { readSettings } from "#backups/s3/settings.ts";
import { verifyVersion } from "#backups/s3/verify.ts";
import { forEachAtOnce } from "#lib/at-once.ts";

/**
 * A bucket of S3, or what lies below a prefix in it. A set is a version of an object, whether or not others or a delete marker lie over it, since all of
 * them are there to be read; or an upload in parts that nobody completed. `place.ts` says what its name and its digest are.
 */
export const s3Repository = (config: S3Config, timeZone: string): Repository => {
  let opened: Promise<{ readonly s3: S3; readonly bucket: Bucket }> | undefined;
  const open = () => (opened ??= openS3(config).then((s3) => ({ s3, bucket: bucketOf(s3, config) })));
  let seen: Contents | undefined;
  /** Keys of which a set is gone that was to go: deleted in this run, or in one before it that died. */
  const ours = new Set<string>();
  /** Keys of which a set is gone without us: for a moment only, while another takes its place, or from the listing alone. */
  let doubted: ReadonlySet<string> = new Set();
  const gone = new Set<string>();
  const inTurn = turns();
  return {
    atOnce,

    inventory: async (known) => {
      const { s3, bucket } = await open();
      seen = await contentsOf(s3, bucket, config, known, timeZone);
      for (const key of unlistedKeys(known, seen, { condemned: true })) ours.add(key);
      doubted = new Set(unlistedKeys(known, seen, { condemned: false }));
      return seen.inventory;
    },

    verifyRestorable: async (set) => verifyVersion((await open()).bucket, set),

    remove: async (set) => {
      const { bucket } = await open();
      const { key } = placeOf(set.name);
      // A gateway over files deletes what is current by moving what lies below it into its place, and must not be met in the middle of that.
      const removal = await inTurn(key, () => removeSet(bucket, set));
      if (removal === "removed") {
        gone.add(set.name);
        ours.add(key);
      }
      return removal;
    },

    finish: async ({ now }) => {
      if (seen === undefined) return true;
      const { bucket } = await open();
      const { sideCars, markers } = leftovers(seen, { gone, ours, doubted, until: retentionStart(now, config) });
      // Without its set a side-car says nothing of anybody: that one stays is no failure of the purge, and it goes another night.
      await forEachAtOnce(sideCars, atOnce, async (sideCar) => {
        const listed = { name: nameOf(sideCar), sha256: versionDigest(sideCar) };
        await inTurn(sideCar.key, () => removeSet(bucket, listed));
      });
      let finished = true;
      await forEachAtOnce(markers, atOnce, async (marker) => {
        finished = (await inTurn(marker.key, () => isTidied(() => removeMarker(bucket, marker)))) && finished;
      });
      return finished;
    },

    restore: async (set, into) => fetchDump((await open()).bucket, set, into),

    check: async () => {
      const { settings, findings } = await readSettings((await open()).s3, config);
      return [...findings, ...settingFindings(settings, config)];
    },

    present: async (set) => isPresent((await open()).bucket, set),
  };
};

const retentionStart = (now: Temporal.Instant, { keepDays }: S3Config): number =>
  now.subtract({ hours: 24 * keepDays }).epochMilliseconds;

/** Keys of sets on record that are not listed, whether they were to go or not. */
const unlistedKeys = (known: KnownSets, { inventory }: Contents, { condemned }: { readonly condemned: boolean }) =>
  [...known.values()]
    .filter((set) => ("rehash" in set && set.rehash) === condemned && !inventory.names.has(set.name))
    .map(({ name }) => placeOf(name).key);

/** Runs what is to be done with one key one after the other. */
const turns = (): (<T>(key: string, work: () => Promise<T>) => Promise<T>) => {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(work);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
};

/** S3 itself answers alike whether it deleted a version or had none: somebody who was faster by seconds is not noticed there. */
const removeSet = async (bucket: Bucket, set: Pick<BackupSet, "name" | "sha256">): Promise<Removal> => {
  const place = placeOf(set.name);
  try {
    if ("upload" in place) await bucket.abort(place);
    else if (place.version !== "null") await bucket.remove(place);
    else {
      // Other bytes may have come under the same name since.
      const found = await bucket.find(place);
      if (found === undefined) return "vanished";
      if (versionDigest(found) !== set.sha256) return "changed";
      await bucket.remove(place, found.current ? found.etag : undefined);
    }
    return "removed";
  } catch (error) {
    if (isAbsent(error)) return "vanished";
    if (refusalOf(error).status === 412) return "changed";
    return (await isPresent(bucket, set)) ? "refused" : "vanished";
  }
};

const isPresent = async (bucket: Bucket, { name }: Pick<BackupSet, "name">): Promise<boolean> => {
  const place = placeOf(name);
  try {
    return ("upload" in place ? await bucket.uploaded(place) : await bucket.find(place)) !== undefined;
  } catch {
    return true;
  }
};

/** A marker that is the version `null` gives way to what is uploaded next: then it is not it any more. */
const removeMarker = async (bucket: Bucket, marker: VersionPlace): Promise<void> => {
  if (marker.version === "null" && (await bucket.findCurrent(marker.key)) !== undefined) return;
  await bucket.remove(marker);
};

const isTidied = async (work: () => Promise<void>): Promise<boolean> => {
  try {
    await work();
    return true;
  } catch (error) {
    return isAbsent(error);
  }
};
