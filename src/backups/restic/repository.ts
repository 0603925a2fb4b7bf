import { Temporal } from "temporal-polyfill";
import type { ResticConfig } from "#config.ts";
import { finishedAs } from "#backups/change-by.ts";
import { foundIn } from "#backups/found-in.ts";
import { LetheError } from "#lib/errors.ts";
import { openRestic, type Lock } from "#backups/restic/program.ts";
import type { BackupFinding, BackupSet, Inventory, Repository } from "#backups/repository.ts";

/**
 * A repository of restic, or the snapshots in it that have a tag. A set is a snapshot, and its digest its id. Forgetting one drops a reference and no
 * byte: what no snapshot holds any more is pruned every night, and before that nothing counts as gone.
 *
 * A lock that somebody left is told, and stays: what looks stale from here, by a clock or a process that is not seen, may be a backup that is being
 * made, and pruning under it would take away what it shares with others.
 */
export const resticRepository = (config: ResticConfig): Repository => {
  const restic = openRestic(config);
  // Snapshots share what is the same in them: that one is whole is that all of the repository is.
  let whole: Promise<boolean> | undefined;
  return {
    inventory: async (known) => {
      const sets: BackupSet[] = [];
      for (const { id, time } of await restic.snapshots()) {
        // Whoever makes a snapshot may say what time it is of (`--time`); when it came nothing tells.
        const taken = Temporal.Instant.from(time).round("millisecond");
        sets.push({
          name: id,
          sha256: id,
          bytes: known.get(id)?.bytes ?? (await restic.size(id)) ?? 0,
          taken,
          modified: taken,
          sideCar: "match",
          needs: [],
          restores: taken,
        });
      }
      return { sets, names: new Set(sets.map(({ name }) => name)), oddities: [], logs: [] } satisfies Inventory;
    },

    verifyRestorable: async () => {
      whole ??= restic.isWhole();
      return (await whole) ? undefined : "BACKUP_NOT_RESTORABLE";
    },

    remove: async ({ name }) => {
      if ((await restic.snapshots(name)).length === 0) return "vanished";
      const forgotten = await restic.forget(name);
      return forgotten === "done" ? "removed" : forgotten;
    },

    restore: async ({ name }, { data, files, signal }) => {
      if (await restic.restore(name, files, signal)) return foundIn(files, data);
      throw new LetheError("DRILL_FAILED", "restic does not restore the snapshot", {
        hint: `see why: restic restore ${name} --target DIRECTORY`,
      });
    },

    finish: async () => finishedAs(await restic.prune()),

    check: async () => (await restic.locks()).map(lockFinding),

    present: async ({ name }) => (await restic.snapshots(name)).length > 0,
  };
};

const lockFinding = ({ hostname, pid, time }: Lock): BackupFinding => ({
  code: "LOCKED",
  message: `process ${pid} of ${hostname} has locked the repository at ${time}: until it lets go nothing is forgotten, nor pruned`,
  hint: "wait for it; if it is no longer at work, run `restic unlock`",
});
