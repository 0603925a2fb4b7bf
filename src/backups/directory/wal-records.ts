import crc32c from "crc-32/crc32c.js";
import type { WalRange } from "#backups/directory/manifest.ts";
import {
  endOf,
  hasLongHeader,
  isContinued,
  headerOf,
  isOverwritten,
  mayFollow,
  pageBytes,
  pagesOf,
  segmentOf,
  type PageHeader,
  type Segment,
} from "#backups/directory/wal-pages.ts";
import { segmentAt, type Lsn } from "#backups/wal-segments.ts";

/** The bytes of a segment by its name; none where it is not to be had. */
export type ReadSegment = (name: string) => AsyncIterable<Uint8Array>;

type Log = {
  /** The segment in which the range begins. */
  readonly first: string;
  /** The server whose log it has to be; undefined: not known. */
  readonly system: string | undefined;
  readonly read: ReadSegment;
};

/**
 * Reads a range of the write-ahead log, every record of it against its checksum, as pg_waldump does (src/include/access/xlogrecord.h: the same in PostgreSQL 13 to 18, written by machines that put the low byte first). Returns how many bytes a segment has; undefined where
 * something is missing, or is not as it was written.
 */
export const readLog = async (range: WalRange, { first, system, read }: Log): Promise<number | undefined> => {
  const records = recordsOf(range);
  for (let name = first; ;) {
    let segment: Segment | undefined;
    let address: Lsn = 0n;
    let found: Found = "unfinished";
    for await (const page of pagesOf(read(name))) {
      if (segment === undefined) {
        segment = segmentOf(page);
        address = segment.begins;
        const isOfServer = segment.pageBytes === pageBytes && segment.system === (system ?? segment.system);
        const begins = segment.size > 0 && address % BigInt(segment.size) === 0n;
        if (!isOfServer || !begins || segmentAt(range.timeline, address, segment.size) !== name) return undefined;
      }
      if (found === "unfinished") found = records(page, address, endOf(segment));
      if (found === "broken") return undefined;
      address += BigInt(pageBytes);
    }
    // A server takes no segment from an archive that is not of the right size.
    if (segment === undefined || address !== endOf(segment)) return undefined;
    if (found === "whole") return segment.size;
    name = segmentAt(range.timeline, endOf(segment), segment.size);
  }
};

type Found = "unfinished" | "whole" | "broken";

const recordBytes = 24;

/** Takes page after page, and says where the range has come to. */
const recordsOf = (range: WalRange) => {
  const { start, end } = range;
  const header = Buffer.alloc(recordBytes);
  let [missing, known, sum] = [0, 0, 0];
  let next: Lsn = 0n;
  let last: PageHeader | undefined;

  const begin = (length: number): boolean => {
    [missing, known, sum] = [length, 0, 0];
    return length >= recordBytes;
  };
  const add = (part: Buffer): void => {
    const ofHeader = part.copy(header, known, 0, Math.min(recordBytes - known, part.length));
    known += ofHeader;
    sum = crc32c.buf(part.subarray(ofHeader), sum);
    missing -= part.length;
  };
  const hasChecksum = (): boolean => crc32c.buf(header.subarray(0, 20), sum) === header.readInt32LE(20);
  /** XLOG_SWITCH: whatever follows in the segment is nothing. */
  const isSwitch = (): boolean => header[17] === 0 && ((header[16] ?? 0) & 0xf0) === 0x40;

  return (page: Buffer, address: Lsn, segmentEnd: Lsn): Found => {
    const ends = address + BigInt(pageBytes);
    if (ends <= start || address < next) return "unfinished";
    const head = headerOf(page);
    if (head.address !== address || !mayFollow(head, range, last)) return "broken";
    last = head;
    let offset = (head.flags & hasLongHeader) === 0 ? 24 : 40;
    if (address <= start) offset = Number(start - address);
    else if ((head.flags & isOverwritten) !== 0) missing = 0;
    else if (head.remaining !== missing) return "broken";
    if (address > start && ((head.flags & isContinued) !== 0) !== missing > 0) return "broken";
    while (offset < pageBytes) {
      if (missing === 0) {
        offset = (offset + 7) & ~7;
        if (offset === pageBytes || address + BigInt(offset) >= end) break;
        if (!begin(page.readUInt32LE(offset))) return "broken";
      }
      const part = page.subarray(offset, offset + missing);
      add(part);
      offset += part.length;
      if (missing > 0) break;
      if (!hasChecksum()) return "broken";
      if (!isSwitch()) continue;
      next = segmentEnd;
      return segmentEnd >= end ? "whole" : "unfinished";
    }
    return missing === 0 && address + BigInt(offset) >= end ? "whole" : "unfinished";
  };
};
