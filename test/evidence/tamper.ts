import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { verifyBundle } from "#evidence/verify-bundle.ts";
import { isLetheError, type LetheError } from "#lib/errors.ts";
import type { TestBundle } from "#test/evidence/bundle.ts";

export type TamperOptions = {
  /** Bits to flip in each file, spread evenly from its first to its last. */
  readonly samples?: number;
};

/**
 * I10: flips one bit at a time in every file of a bundle and puts it back; each time verification must fail with exit
 * status 4 and name the file. Returns how many bits it tried. The bundle is as before afterwards.
 */
export const expectTamperEvident = async (
  directory: string,
  publicKeyPem: string,
  { samples = 64 }: TamperOptions = {},
): Promise<number> => {
  await verifyBundle(directory, publicKeyPem);
  let tried = 0;
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const original = await readFile(path);
    for (const bit of spread(original.length * 8, samples)) {
      await writeFile(path, flipBit(original, bit));
      const error = await failureOf(directory, publicKeyPem);
      expect(error, `bit ${bit} of ${name}`).toMatchObject({ exit: 4, message: expect.stringContaining(name) });
      tried += 1;
    }
    await writeFile(path, original);
  }
  await verifyBundle(directory, publicKeyPem);
  return tried;
};

/** What verification says of a bundle that it must refuse; fails when it accepts, or crashes with anything else. */
export const failureOf = async (directory: string, publicKeyPem: string): Promise<LetheError> => {
  try {
    await verifyBundle(directory, publicKeyPem);
  } catch (error) {
    if (isLetheError(error)) return error;
    throw error;
  }
  throw new Error("the bundle verifies, but must not");
};

/** As `failureOf`, for a bundle made by the tests. */
export const failure = ({ directory, publicKeyPem }: TestBundle): Promise<LetheError> =>
  failureOf(directory, publicKeyPem);

export const flipBit = (bytes: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
};

/** Both ends and evenly between; an odd step, so that every position within a byte occurs. */
const spread = (bits: number, samples: number): number[] => {
  const step = Math.max(1, Math.floor(bits / samples)) | 1;
  const positions = Array.from({ length: Math.ceil(bits / step) }, (_, index) => index * step);
  return [...new Set([...positions, bits - 1])];
};
