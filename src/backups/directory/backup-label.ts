import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { openFile } from "#backups/directory/read-file.ts";
import { archivesIn, membersOf } from "#backups/directory/tar.ts";
import { lsnOf, type Lsn } from "#backups/wal-segments.ts";
import { sha256Hex } from "#lib/canonical.ts";

/** Where in the log something begins, on one of its timelines. */
export type LogPlace = { readonly timeline: number; readonly lsn: Lsn };

/** What `backup_label` says of a base backup (PostgreSQL's src/backend/access/transam/xlogbackup.c). */
export type BackupLabel = {
  readonly start: LogPlace;
  /** The first segment of the log without which it is not consistent. */
  readonly segment: string;
  /** When it was begun, by the server's clock: to some hours, since its time zone is told by an abbreviation, here taken for UTC. */
  readonly began: Temporal.Instant | undefined;
  /** Of an incremental backup: where the one began that it builds on. */
  readonly from: LogPlace | undefined;
  /** Of the file's bytes, in lower-case hexadecimal. */
  readonly sha256: string;
};

export const labelName = "backup_label";

/** More than any label has. */
const labelBytes = 1 << 16;

/** Of a base backup in a directory; undefined where it cannot be read, or is none. */
export const readLabel = async (directory: string, format: "plain" | "tar"): Promise<BackupLabel | undefined> => {
  try {
    return parseLabel(await (format === "plain" ? bytesOf(join(directory, labelName)) : bytesInArchive(directory)));
  } catch {
    return undefined;
  }
};

const bytesOf = async (path: string): Promise<Buffer> => {
  await using file = await openFile(path);
  const chunks: Buffer[] = [];
  for await (const chunk of file.createReadStream({ start: 0, end: labelBytes, autoClose: false })) chunks.push(chunk);
  return Buffer.concat(chunks);
};

/** A server sends it before all others. */
const bytesInArchive = async (directory: string): Promise<Buffer> => {
  const base = (await archivesIn(directory)).archives.find(({ what }) => what === "base");
  const chunks: Buffer[] = [];
  for await (const { name, size, body } of membersOf(join(directory, base?.name ?? "base.tar"))) {
    if (name === labelName && size < labelBytes) for await (const chunk of body) chunks.push(chunk);
    break;
  }
  return Buffer.concat(chunks);
};

const parseLabel = (bytes: Buffer): BackupLabel | undefined => {
  const text = bytes.toString("latin1");
  const told = (pattern: RegExp): string | undefined => pattern.exec(text)?.[1];
  const start = placeOf(told(/^START WAL LOCATION: (\S+) \(file [0-9A-F]{24}\)$/m), told(/^START TIMELINE: (\d+)$/m));
  const segment = told(/^START WAL LOCATION: \S+ \(file ([0-9A-F]{24})\)$/m);
  const [fromLsn, fromTimeline] = [told(/^INCREMENTAL FROM LSN: (.+)$/m), told(/^INCREMENTAL FROM TLI: (.+)$/m)];
  const from = placeOf(fromLsn, fromTimeline);
  const isUnclear = from === undefined && (fromLsn ?? fromTimeline) !== undefined;
  if (start === undefined || segment === undefined || isUnclear) return undefined;
  const began = timeOf(told(/^START TIME: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) /m));
  return { start, segment, began, from, sha256: sha256Hex(bytes) };
};

const placeOf = (place: string | undefined, timeline: string | undefined): LogPlace | undefined => {
  const lsn = lsnOf(place ?? "");
  return lsn === undefined || !/^\d+$/.test(timeline ?? "") ? undefined : { timeline: Number(timeline), lsn };
};

const timeOf = (text: string | undefined): Temporal.Instant | undefined => {
  try {
    return text === undefined ? undefined : Temporal.Instant.from(`${text}Z`);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};
