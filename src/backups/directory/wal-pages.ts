import type { WalRange } from "#backups/directory/manifest.ts";
import type { Lsn } from "#backups/wal-segments.ts";

/** As a server is built unless somebody wants it otherwise; then nothing is read. */
export const pageBytes = 8_192;

export const pagesOf = async function* (bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const all = Buffer.concat([rest, chunk]);
    let from = 0;
    for (; from + pageBytes <= all.length; from += pageBytes) yield all.subarray(from, from + pageBytes);
    rest = all.subarray(from);
  }
};

export type Segment = {
  /** Of the server. */
  readonly system: string;
  readonly begins: Lsn;
  readonly size: number;
  readonly pageBytes: number;
};

/** By the long header of its first page. */
export const segmentOf = (page: Buffer): Segment => ({
  system: String(page.readBigUInt64LE(24)),
  begins: page.readBigUInt64LE(8),
  size: page.readUInt32LE(32),
  pageBytes: page.readUInt32LE(36),
});

export const endOf = ({ begins, size }: Segment): Lsn => begins + BigInt(size);

/** The first bytes of the page belong to a record that was begun before. */
export const isContinued = 1;
export const hasLongHeader = 2;
/** A server that crashed in the middle of a record wrote another in place of the rest. */
export const isOverwritten = 8;
const allFlags = 15;

/** XLogPageHeaderData (src/include/access/xlog_internal.h). */
export type PageHeader = {
  /** Tells of the version of PostgreSQL. */
  readonly magic: number;
  readonly flags: number;
  readonly timeline: number;
  readonly address: Lsn;
  /** How many bytes of a record that was begun before are still to come. */
  readonly remaining: number;
};

export const headerOf = (page: Buffer): PageHeader => ({
  magic: page.readUInt16LE(0),
  flags: page.readUInt16LE(2),
  timeline: page.readUInt32LE(4),
  address: page.readBigUInt64LE(8),
  remaining: (page.readUInt16LE(2) & isContinued) === 0 ? 0 : page.readUInt32LE(16),
});

/** Whether a page may follow on another; the first one on none. */
export const mayFollow = (page: PageHeader, { timeline }: WalRange, last: PageHeader | undefined): boolean =>
  page.magic === (last ?? page).magic &&
  page.timeline >= (last ?? page).timeline &&
  page.timeline <= timeline &&
  page.flags <= allFlags;
