import { readdir, rename } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Restored } from "#backups/repository.ts";
import { LetheError } from "#lib/errors.ts";

/**
 * What files that were restored are of, whatever paths they had: the data directory of a server, which is moved to `data`, or the one dump.
 *
 * @throws LetheError `DRILL_IMPOSSIBLE`
 */
export const foundIn = async (directory: string, data: string): Promise<Restored> => {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const [control, other] = files.filter((file) => file.endsWith("/global/pg_control"));
  if (control !== undefined && other === undefined) {
    await rename(dirname(dirname(control)), data);
    return { kind: "cluster", data };
  }
  const dumps = files.filter((file) => !basename(file).startsWith(".") && !file.endsWith(".sha256"));
  const [file, ...others] = dumps;
  if (file !== undefined && others.length === 0) return { kind: "dump", file };
  throw new LetheError("DRILL_IMPOSSIBLE", `the backup holds ${dumps.length} files, and not one data directory`, {
    hint: "a drill restores one dump or one data directory: make a backup of each store of its own",
  });
};
