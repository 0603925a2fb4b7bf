import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { freshDirectory, refusalOf, syncDirectory } from "#lib/files.ts";

const mode = 0o700;

/**
 * Where a store's exports lie until all of a batch are finished: inside the directory of exports, so that a rename publishes them.
 * A directory of its own, so that what a crash left is found without a look at the exports of all the years before. Whoever works on
 * the store has its lock, so nobody else writes there.
 */
export const partialDirectory = (directory: string, store: string): string => join(directory, `.${store}.partial`);

/** Makes both directories, for this user alone, and removes what an attempt before this one left. */
export const openDirectory = (directory: string, store: string): Promise<void> =>
  onExportFiles(directory, async () => {
    const first = await mkdir(directory, { recursive: true, mode });
    await freshDirectory(partialDirectory(directory, store), mode);
    if (first === undefined) return;
    for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
  });

/** Removes what a run that died had not finished. Throws `EXPORT_UNWRITABLE`. */
export const clearPartialExports = async ({ config }: Pick<Context, "config">, store: string): Promise<void> => {
  if (config.export === undefined) return;
  const { directory } = config.export;
  await onExportFiles(directory, () => rm(partialDirectory(directory, store), { recursive: true, force: true }));
};

/** Runs work on files of the directory of exports; what the file system refuses comes out as `EXPORT_UNWRITABLE`. */
export const onExportFiles = async <T>(directory: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const why = refusalOf(error);
    throw why === undefined ? error : unwritable(directory, why, error);
  }
};

export const unwritable = (directory: string, why: string, cause?: unknown): LetheError =>
  new LetheError("EXPORT_UNWRITABLE", `no export can be written to ${directory}: ${why}`, {
    hint: "make room, or let `export.directory` name a directory that this user may write to; then run again: nothing is erased without its export",
    cause,
  });
