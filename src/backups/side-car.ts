import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { BackupSet } from "#backups/repository.ts";
import { isCode } from "#lib/errno.ts";

/** A backslash, a digest, and what shows that it has ended. */
const digestBytes = 128;

/**
 * Compares a set's digest with `NAME.sha256` beside it, as `sha256sum` writes it: digest first, the rest is its name. A
 * side-car that cannot be read or holds no digest contradicts: whoever put it there meant something by it.
 */
export const readSideCar = async (path: string, sha256: string): Promise<BackupSet["sideCar"]> => {
  let text: string;
  try {
    // Without waiting for a writer should it be a pipe, and no more than it takes.
    await using file = await open(`${path}.sha256`, constants.O_RDONLY | constants.O_NONBLOCK);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(digestBytes), 0, digestBytes, 0);
    text = buffer.toString("latin1", 0, bytesRead);
  } catch (error) {
    return isCode(error, "ENOENT") ? "none" : "mismatch";
  }
  return sideCarSays(text, sha256);
};

/** The same of the text that stands in one. */
export const sideCarSays = (text: string, sha256: string): "match" | "mismatch" => {
  // sha256sum puts a backslash in front when it had to escape the name.
  const digest = /^\\?([0-9a-f]{64})(?=\s|$)/i.exec(text)?.[1];
  return digest?.toLowerCase() === sha256 ? "match" : "mismatch";
};
