import { createHash } from "node:crypto";
import { PassThrough, Writable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { archiveReader } from "#backups/custom-dump.ts";

export type Verdict =
  /** `unknown`: the format has no end that we could know, so that only a side-car can vouch for it. */
  { readonly content: "complete" | "unknown"; readonly sha256: string } | { readonly content: "broken" };

/**
 * Reads a dump to its end, in constant memory, and says whether it ends as its format demands; one that breaks off does not:
 * - gzip and Zstandard decompress without error; what comes out is judged by the next two lines;
 * - plain SQL of pg_dump and pg_dumpall ends with its completion line: a dump killed in front of a living gzip has none;
 * - the custom format of pg_dump has all the data that its table of contents names;
 * - anything else: unknown.
 */
export const readDump = async (source: AsyncIterable<Buffer>): Promise<Verdict> => {
  const hash = createHash("sha256");
  const { sink, first, last, archive } = edges();
  const hashed = (async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk);
      yield chunk;
    }
  })();
  let unpack: Duplex | undefined;
  try {
    const head = await headOf(hashed);
    unpack = decompressorFor(head);
    const whole = async function* (): AsyncGenerator<Buffer> {
      yield head;
      yield* hashed;
    };
    await pipeline(whole, unpack ?? new PassThrough(), sink);
  } catch {
    return { content: "broken" };
  }
  const content = archive() ?? contentOf(first(), last(), unpack !== undefined);
  return content === "broken" ? { content } : { content, sha256: hash.digest("hex") };
};

/** What comes first, four bytes of it at least unless there are fewer. */
const headOf = async (chunks: AsyncGenerator<Buffer>): Promise<Buffer> => {
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
};

const contentOf = (first: Buffer, last: Buffer, unpacked: boolean): Verdict["content"] => {
  if (first.length === 0) return "broken";
  if (/^-- PostgreSQL database (?:cluster )?dump\s*$/m.test(first.toString("latin1"))) {
    return /^-- PostgreSQL database (?:cluster )?dump complete\s*$/m.test(last.toString("latin1"))
      ? "complete"
      : "broken";
  }
  return unpacked ? "complete" : "unknown";
};

/** What unpacks a file by its first four bytes, of gzip and of Zstandard; undefined where it is not packed. */
export const decompressorFor = (head: Buffer): Duplex | undefined => {
  if (head.length >= 2 && head.readUInt16BE() === 0x1f8b) return createGunzip();
  if (head.length >= 4 && head.readUInt32BE() === 0x28b52ffd) return createZstdDecompress();
  return undefined;
};

const edgeBytes = 4_096;

type Edges = {
  readonly sink: Writable;
  readonly first: () => Buffer;
  readonly last: () => Buffer;
  /** Undefined where it is none. */
  readonly archive: () => Verdict["content"] | undefined;
};

/** Keeps the first and the last four kilobytes of what flows through, and reads an archive of pg_dump as it does. */
const edges = (): Edges => {
  let first = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  let archive: ReturnType<typeof archiveReader> | undefined;
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      const before = first.length;
      if (before < edgeBytes) first = Buffer.concat([first, chunk.subarray(0, edgeBytes - before)]);
      last = Buffer.concat([last, chunk.subarray(-edgeBytes)]).subarray(-edgeBytes);
      if (archive !== undefined) archive.write(chunk);
      else if (first.subarray(0, magic.length).equals(magic)) {
        archive = archiveReader();
        archive.write(Buffer.concat([first.subarray(0, before), chunk]));
      }
      done();
    },
  });
  return { sink, first: () => first, last: () => last, archive: () => archive?.end() };
};

const magic = Buffer.from("PGDMP");
