import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { BackupSet, Restored, RestoreInto } from "#backups/repository.ts";
import type { Bucket } from "#backups/s3/bucket.ts";
import { placeOf } from "#backups/s3/place.ts";
import { LetheError } from "#lib/errors.ts";

/** Fetches a version of an object, which is a dump. Throws `DRILL_FAILED`. */
export const fetchDump = async (bucket: Bucket, set: BackupSet, { files, signal }: RestoreInto): Promise<Restored> => {
  const file = join(files, "dump");
  try {
    const place = placeOf(set.name);
    const found = "upload" in place ? undefined : await bucket.find(place);
    if (found === undefined) throw new Error("there is no such version");
    await pipeline(await bucket.read(found), createWriteStream(file, { mode: 0o600 }), { signal });
    return { kind: "dump", file };
  } catch (cause) {
    throw new LetheError("DRILL_FAILED", "the backup cannot be fetched from its bucket", {
      hint: "see that the account may read it, and that there is room for it where drills take place",
      cause,
    });
  }
};
