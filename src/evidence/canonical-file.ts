import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson, type Json } from "#lib/canonical.ts";
import { missing, tampered } from "#evidence/faults.ts";

/** Reads a file of a bundle whole, up to `limit` bytes. The directory is hostile: only a regular file is read. */
export const readBounded = async (directory: string, name: string, limit: number): Promise<Buffer> => {
  const path = join(directory, name);
  const facts = await lstat(path).catch(() => undefined);
  if (facts === undefined) throw missing(name, "is missing from the bundle");
  if (!facts.isFile()) throw tampered(name, "is not a regular file");
  if (facts.size > limit) throw tampered(name, `is larger than ${limit} bytes`);
  return readFile(path);
};

/** The text of UTF-8 bytes, undefined when they are anything else. A byte-order mark is kept, to be refused later. */
export const decodeUtf8 = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

/** The value that `text` is the canonical JSON of; undefined when it is not canonical or no JSON at all. */
export const parseCanonical = (text: string): Json | undefined => {
  try {
    const value: Json = JSON.parse(text);
    // Nesting deep enough to exhaust the stack throws here, like every other thing that is not ours.
    return canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
};

/** The bytes that standard base64 with padding and without slack bits stands for; undefined for other text. */
export const decodeBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
};
