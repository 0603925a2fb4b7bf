import { createHash } from "node:crypto";
import { constants, type BigIntStats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { Temporal } from "temporal-polyfill";
import { errnoOf } from "#lib/errno.ts";

/** Not through a link that took the file's place, and without waiting for a writer should it have become a pipe. */
export const openFile = (path: string): Promise<FileHandle> =>
  open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);

/** Larger chunks leave the processor's cache, smaller ones cost a turn of the loop each. */
const chunkBytes = 1 << 20;

/**
 * Reads a file of about `size` bytes from its start, the next chunk while `use` works on one; `use` must be done with a chunk when it returns. Returns
 * how many bytes there were.
 */
export const eachChunk = async (file: FileHandle, size: number, use: (chunk: Buffer) => void): Promise<number> => {
  const length = Math.min(chunkBytes, size + 1);
  let [full, filling] = [Buffer.allocUnsafeSlow(length), Buffer.allocUnsafeSlow(length)];
  let position = 0;
  let reading = file.read(filling, 0, length, position);
  for (;;) {
    const { bytesRead } = await reading;
    if (bytesRead === 0) return position;
    position += bytesRead;
    [full, filling] = [filling, full];
    reading = file.read(filling, 0, length, position);
    use(full.subarray(0, bytesRead));
  }
};

/**
 * Of the first `size` bytes, and of the first `part` of them where there are as many: what was written behind them is read, and left out. In
 * lower-case hexadecimal.
 */
export const sha256Of = async (
  file: FileHandle,
  size: number,
  part = 0,
): Promise<{ readonly whole: string; readonly part: string | undefined }> => {
  const hash = createHash("sha256");
  let [left, ofPart] = [size, part === 0 ? hash.copy().digest("hex") : undefined];
  const take = (chunk: Buffer): void => {
    hash.update(chunk);
    left -= chunk.length;
  };
  await eachChunk(file, size, (chunk) => {
    const rest = chunk.subarray(0, left);
    const here = part - (size - left);
    if (ofPart !== undefined || here > rest.length) return take(rest);
    take(rest.subarray(0, here));
    ofPart = hash.copy().digest("hex");
    take(rest.subarray(here));
  });
  return { whole: hash.digest("hex"), part: ofPart };
};

/** Years in which PostgreSQL, calendars and people can count thirty days: file systems that are broken have others. */
const [earliest = 0, latest = 0] = ["1900-01-01T00:00Z", "9000-01-01T00:00Z"].map(
  (text) => Temporal.Instant.from(text).epochMilliseconds,
);

/** In milliseconds. */
export const modifiedAt = (stat: BigIntStats): Temporal.Instant =>
  Temporal.Instant.fromEpochMilliseconds(Math.min(Math.max(Number(stat.mtimeMs), earliest), latest));

/** Why nothing could be deleted: file systems that write elsewhere what they change need room for it. */
export const undeletedOf = (error: unknown): "vanished" | "refused" | "full" => {
  const errno = errnoOf(error);
  if (errno === "ENOENT") return "vanished";
  return errno === "ENOSPC" || errno === "EDQUOT" ? "full" : "refused";
};

/** Why a set could not be read to its end: a file that is not there, or is cut off, is no trouble with reading. */
export const unreadOf = (error: unknown): "BACKUP_UNREADABLE" | "BACKUP_NOT_RESTORABLE" =>
  ["EACCES", "EIO", "EPERM"].includes(errnoOf(error) ?? "") ? "BACKUP_UNREADABLE" : "BACKUP_NOT_RESTORABLE";
