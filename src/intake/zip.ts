import type { FileHandle } from "node:fs/promises";
import { createInflateRaw } from "node:zlib";
import { pipeline } from "node:stream";

/** An entry of a ZIP archive's central directory (APPNOTE 6.3.10, 4.3.12). */
export type ZipEntry = {
  readonly name: string;
  readonly method: number;
  readonly compressed: number;
  readonly inflated: number;
  readonly offset: number;
};

/** What is wrong with an archive, in words without anything from the file. */
export class ZipError extends Error {
  override readonly name = "ZipError";
}

const most = { entries: 2_000, directory: 1 << 20 };

/**
 * Reads the central directory: the end of the file says what is in it, before anything is inflated. Everything in it is
 * hostile. ZIP64 is not taken: no workbook of ours has 4 GB. Throws `ZipError`.
 */
export const zipEntries = async (handle: FileHandle): Promise<ZipEntry[]> => {
  const { size } = await handle.stat();
  const tail = await readAt(handle, Math.max(0, size - 65_557), Math.min(size, 65_557));
  const end = tail.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0 || end + 22 > tail.length) throw new ZipError("the archive has no directory: it is cut off, or no ZIP");
  const count = tail.readUInt16LE(end + 10);
  const length = tail.readUInt32LE(end + 12);
  if (count > most.entries || length > most.directory) throw new ZipError("the archive has too many entries");
  const directory = await readAt(handle, tail.readUInt32LE(end + 16), length);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count;) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50)
      throw new ZipError("the directory is damaged");
    if ((directory.readUInt16LE(at + 8) & 1) === 1) throw new ZipError("the archive is encrypted");
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString("utf8", at + 46, nameEnd),
      method: directory.readUInt16LE(at + 10),
      compressed: directory.readUInt32LE(at + 20),
      inflated: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
};

/**
 * An entry's bytes as a stream. It ends with a `ZipError` as soon as more comes out than the directory promised, so a
 * bomb costs no more than the size that the caller has looked at.
 */
export async function* zipContent(handle: FileHandle, entry: ZipEntry): AsyncGenerator<Buffer> {
  const local = await readAt(handle, entry.offset, 30);
  if (local.readUInt32LE(0) !== 0x04034b50) throw new ZipError("the archive is damaged");
  const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  if (entry.method !== 0 && entry.method !== 8)
    throw new ZipError("the archive uses a compression that workbooks do not");
  if (entry.compressed === 0) return;
  const raw = handle.createReadStream({ start, end: start + entry.compressed - 1, autoClose: false });
  let bytes = 0;
  try {
    const content = entry.method === 0 ? raw : pipeline(raw, createInflateRaw(), () => undefined);
    for await (const chunk of content as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > entry.inflated) throw new ZipError("the archive holds more than it declares");
      yield chunk;
    }
  } catch (error) {
    throw error instanceof ZipError ? error : new ZipError("the archive is damaged", { cause: error });
  }
  if (bytes !== entry.inflated) throw new ZipError("the archive is damaged");
}

const readAt = async (handle: FileHandle, position: number, length: number): Promise<Buffer> => {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new ZipError("the archive is cut off");
  return buffer;
};
