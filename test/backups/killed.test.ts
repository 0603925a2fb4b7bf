import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FaultPoint } from "#lib/fault.ts";
import { purgeProcess } from "#test/backups/killed-night.ts";
import { scene, writeNights, type Scene } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene(now);
});
afterEach(() => at.dispose());

const night = (id: string, fault?: FaultPoint): Promise<NodeJS.Signals | null> =>
  purgeProcess({ config: at.on(now).config, now, run: id }, fault);

test.each<FaultPoint>(["before-backup-unlink", "after-backup-unlink", "after-backups-recorded"])(
  "killed %s, the next run leaves the same files and tells of each purge once",
  async (fault) => {
    const names = await writeNights(at.path, 34, "2026-11-22");
    await at.newRun("R1");
    await at.newRun("R2");
    expect(await night("R1", fault)).toBe("SIGKILL");
    expect(await night("R2")).toBeNull();
    expect((await readdir(at.path)).toSorted()).toEqual(names.slice(4));
    const purged = await at.entries("backup.purged");
    expect(purged.map((entry) => String(entry["name"])).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
      names.slice(0, 4),
    );
    expect(await at.entries("backup.exception")).toEqual([]);
    const states = await at.states();
    expect(names.map((name) => states[name])).toEqual([
      ...Array.from({ length: 4 }, () => "purged"),
      ...Array.from({ length: 30 }, () => "listed"),
    ]);
  },
);
