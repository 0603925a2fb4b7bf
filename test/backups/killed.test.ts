import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { FaultPoint } from "#lib/fault.ts";
import { scene, writeNights, type Scene } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene(now);
});
afterEach(() => at.dispose());

/** Runs a night's purge in its own process; answers the signal that killed it. */
const night = (id: string, fault?: FaultPoint): Promise<NodeJS.Signals | null> => {
  const config = JSON.stringify({ ...at.on(now).config, stores: [] });
  const script = resolve(import.meta.dirname, "purge-process.ts");
  const env = { ...process.env, ...(fault === undefined ? {} : { LETHE_FAULT: fault }) };
  return new Promise((settle, reject) => {
    const child = execFile(process.execPath, ["-C", "source", script, config, now, id], { env }, (error, _out, err) => {
      if (error !== null && child.signalCode === null) reject(new Error(err));
      else settle(child.signalCode);
    });
  });
};

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
