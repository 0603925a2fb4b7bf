import { mkdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { freshDirectory, refusalOf, syncDirectory } from "#lib/files.ts";
import type { Random } from "#lib/random.ts";

const mode = 0o700;

/**
 * Where a store's exports lie until all of a batch are finished: inside the directory of exports, so that a rename publishes them.
 * A directory of its own, so that what a crash left is found without a look at the exports of all the years before.
 */
const partialDirectory = (directory: string, store: string): string => join(directory, `.${store}.partial`);

/**
 * Makes the directory, for this user alone, and in it an empty one for this attempt, with a name that no other attempt has: whoever
 * still believes to be working on the store does not find what was theirs. What attempts before left is removed.
 */
export const openDirectory = (directory: string, store: string, random: Random): Promise<string> =>
  onExportFiles(directory, async () => {
    const first = await mkdir(directory, { recursive: true, mode });
    const partial = partialDirectory(directory, store);
    await freshDirectory(partial, mode);
    const attempt = join(partial, Buffer.from(random(8)).toString("hex"));
    await mkdir(attempt, { mode });
    if (first === undefined) return attempt;
    for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
    return attempt;
  });

/** Removes what is left of one attempt, and nobody else's. */
export const closeDirectory = async (directory: string, store: string, partial: string): Promise<void> => {
  await rm(partial, { recursive: true, force: true });
  await rmdir(partialDirectory(directory, store)).catch(() => undefined);
};

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
