import { pipeline, type Duplex } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { openFile } from "#backups/directory/read-file.ts";

/** How the names of files end that can be read: as they are, and by what they are compressed. */
export const packings = ["", ".gz", ".zst"] as const;

/** What a file holds, decompressed where its name says so. Throws where it is not there, or cut off. */
export const unpacked = async function* (path: string): AsyncGenerator<Buffer> {
  await using file = await openFile(path);
  const bytes = file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 18 });
  const unpack = unpackerFor(path);
  // What fails on the way fails where it is read.
  yield* (unpack === undefined ? bytes : pipeline(bytes, unpack, () => undefined)) as AsyncIterable<Buffer>;
};

const unpackerFor = (path: string): Duplex | undefined => {
  if (path.endsWith(".gz")) return createGunzip();
  return path.endsWith(".zst") ? createZstdDecompress() : undefined;
};
