import { join } from "node:path";
import type { BaseBackup } from "#backups/directory/base-backup.ts";
import { archivesIn, membersOf } from "#backups/directory/tar.ts";
import { packings, unpacked } from "#backups/directory/unpacked.ts";
import { readLog, type ReadSegment } from "#backups/directory/wal-records.ts";
import { segmentAt } from "#backups/wal-segments.ts";
import { errnoOf } from "#lib/errno.ts";

/** Whether the log is there that a base backup needs to become consistent, with it or in the archive. */
export const hasLog = async (base: BaseBackup, archive: ReadSegment): Promise<boolean> => {
  const { label, manifest } = base;
  if (label === undefined || manifest.content === undefined) return false;
  const { system, ranges } = manifest.content;
  await using own = await ownLog(base);
  const read = either(own.read, archive);
  let size: number | undefined;
  for (const range of ranges) {
    const first = size === undefined ? label.segment : segmentAt(range.timeline, range.start, size);
    size = await readLog(range, { first, system, read });
    if (size === undefined) return false;
  }
  return size !== undefined;
};

type OwnLog = AsyncDisposable & { readonly read: ReadSegment };

const ownLog = async ({ path, format }: BaseBackup): Promise<OwnLog> => {
  const nothing = { [Symbol.asyncDispose]: async () => undefined };
  if (format === "plain") return { read: segmentsIn(join(path, "pg_wal")), ...nothing };
  const { archives } = await archivesIn(path);
  const archive = archives.find(({ what }) => what === "pg_wal") ?? archives.find(({ what }) => what === "base");
  return archive === undefined
    ? { read: async function* () {}, ...nothing }
    : archivedSegments(join(path, archive.name), archive.what === "base" ? "pg_wal/" : "");
};

/** Segments as they lie in a directory under their names, compressed or not. */
export const segmentsIn = (directory: string): ReadSegment =>
  async function* (name) {
    for (const packing of packings) {
      try {
        yield* unpacked(join(directory, `${name}${packing}`));
        return;
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw error;
      }
    }
  };

/** Segments in an archive; each has to be asked for after those before it. */
const archivedSegments = (path: string, below: string): OwnLog => {
  const members = membersOf(path);
  return {
    read: async function* (name) {
      for (let next = await members.next(); next.done !== true; next = await members.next()) {
        if (next.value.name !== `${below}${name}`) continue;
        yield* next.value.body;
        return;
      }
    },
    [Symbol.asyncDispose]: async () => {
      await members.return(undefined);
    },
  };
};

const either = (first: ReadSegment, second: ReadSegment): ReadSegment =>
  async function* (name) {
    let isThere = false;
    for await (const chunk of first(name)) {
      isThere = true;
      yield chunk;
    }
    if (!isThere) yield* second(name);
  };
