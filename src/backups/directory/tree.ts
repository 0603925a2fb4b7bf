import { lstat, readdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Temporal } from "temporal-polyfill";
import { modifiedAt } from "#backups/directory/read-file.ts";
import { faultPoint } from "#lib/fault.ts";
import { errnoOf } from "#lib/errno.ts";

/** Called for everything below a directory but the directories in it; `path` is relative to where the walk began. */
export type Visit = (found: {
  readonly path: string;
  readonly isFile: boolean;
  readonly bytes: number;
  readonly modified: Temporal.Instant;
}) => void;

/** How many files are asked for at once: the kernel answers from memory, most of the time. */
const atOnce = 64;

/** Goes through a directory and all below it, following no link. What goes away meanwhile is not visited. */
export const walk = async (root: string, visit: Visit, below = ""): Promise<void> => {
  const entries = await readdir(join(root, below), { withFileTypes: true });
  const told = entries.filter((entry) => !entry.isDirectory());
  for (let begun = 0; begun < told.length; begun += atOnce) {
    await Promise.all(
      told.slice(begun, begun + atOnce).map(async ({ name }) => {
        const path = join(below, name);
        try {
          const stat = await lstat(join(root, path), { bigint: true });
          visit({ path, isFile: stat.isFile(), bytes: Number(stat.size), modified: modifiedAt(stat) });
        } catch (error) {
          if (errnoOf(error) !== "ENOENT") throw error;
        }
      }),
    );
  }
  for (const entry of entries) if (entry.isDirectory()) await walk(root, visit, join(below, entry.name));
};

/**
 * Deletes all that is in a directory, and the file `last` in it after all others: whoever dies in between leaves something that has it still. Of a
 * link only the link goes.
 */
export const emptyTree = async (root: string, last?: string): Promise<void> => {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (entry.name === last) continue;
    const path = join(root, entry.name);
    if (entry.isDirectory()) {
      await emptyTree(path);
      await rmdir(path);
    } else await unlink(path);
    faultPoint("after-backup-file");
  }
  if (last === undefined) return;
  faultPoint("before-backup-manifest");
  await unlink(join(root, last));
};
