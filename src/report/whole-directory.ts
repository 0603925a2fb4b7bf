import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { freshDirectory, syncDirectory } from "#lib/files.ts";
import { onFiles } from "#report/report-files.ts";
import { isCode } from "#lib/errno.ts";

export type WholeDirectory = {
  /** Where it appears, whole or not at all; must not exist. */
  readonly directory: string;
  /** Where it is made: on the same file system. */
  readonly partial: string;
};

/** Where somebody asked for a bundle: it is made beside it. @throws LetheError `FILE_EXISTS` when there is something already. */
export const askedFor = async (directory: string): Promise<WholeDirectory> => {
  await onFiles(dirname(directory), () => assertEmpty(directory));
  return { directory, partial: join(dirname(directory), `.${basename(directory)}.partial`) };
};

/**
 * Makes a directory of files. A crash leaves the partial one, which the next attempt removes; the final name appears only once every file is on
 * the disk.
 *
 * @throws LetheError `REPORT_UNWRITABLE` when the file system refuses.
 */
export const makeWhole = async ({ directory, partial }: WholeDirectory, write: () => Promise<void>): Promise<void> => {
  const parent = dirname(directory);
  await onFiles(parent, async () => {
    await mkdir(parent, { recursive: true });
    await freshDirectory(partial);
    try {
      await write();
      faultPoint("before-bundle-rename");
      await syncDirectory(partial);
      await rename(partial, directory);
    } catch (error) {
      // What is half done would only take the room that may be missing.
      await rm(partial, { recursive: true, force: true }).catch(() => undefined);
      throw error;
    }
    await syncDirectory(parent);
    faultPoint("after-bundle-rename");
  });
};

/** An empty directory gives way to the bundle; anything else is kept. */
const assertEmpty = async (directory: string): Promise<void> => {
  const found = await readdir(directory).catch((error: unknown) => {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (found.length > 0) {
    throw new LetheError("FILE_EXISTS", `there is something in ${directory} already`, {
      hint: "name with --out a directory that does not exist yet",
    });
  }
  await rmdir(directory);
};
