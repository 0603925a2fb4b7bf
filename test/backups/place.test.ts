import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BackupConfig } from "#config.ts";
import { checkBackups } from "#backups/check.ts";
import { completeErased } from "#backups/custody.ts";
import { listBackups } from "#backups/list.ts";
import { movedBackups } from "#backups/moved.ts";
import { placeOf } from "#backups/place.ts";
import { purgeBackups } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Context } from "#context.ts";
import { backupsHolding } from "#db/holding-backups.ts";
import { scene, writeNights, type Scene } from "#test/backups/repository-files.ts";

const by = { by: "0f1e2d3c" };

let at: Scene;
beforeEach(async () => {
  at = await scene("2026-11-12T03:00:00Z");
  await writeNights(at.path, 3, "2026-11-12");
  await at.newRun("R0");
  await at.state.query(
    `with request as (insert into lethe.request (ref, state, received_on, due_on, due_basis, created_at, changed_at, erased_at)
      values ('R-1', 'erased', '2026-11-01', '2026-12-01', 'GDPR Art. 12(3)', $1, $1, $1) returning id)
    insert into lethe.outcome select id, 'shop', 'erased', 'R0' from request`,
    ["2026-11-11T12:00:00Z"],
  );
});
afterEach(() => at.dispose());

const on = (now: string, backups: readonly BackupConfig[] = [at.backup]): Context => {
  const context = at.on(now);
  return { ...context, config: { ...context.config, backups } };
};

const night = async (context: Context): Promise<readonly RepositoryResult[]> => {
  const run = await at.newRun(context.clock.now().toString());
  const results = await purgeBackups(context, run);
  await completeErased(context, run);
  return results;
};

const state = async (): Promise<unknown> => (await at.state.query("select state from lethe.request"))[0];
const held = (context: Context) => backupsHolding(context.state.db, context.config, "R-1");

describe("a repository that the configuration has in another place by now", () => {
  test("is not taken to have lost its backups, nor asked for those of the old place, until somebody says that all is there", async () => {
    await night(on("2026-11-12T03:00:00Z"));
    const path = join(at.directory, "elsewhere");
    await mkdir(path);
    await writeNights(path, 1, "2026-11-13");
    const moved = (now: string) => on(now, [{ ...at.backup, path }]);
    const [result] = await night(moved("2026-11-13T03:00:00Z"));
    expect(result).toMatchObject({
      purged: 0,
      exceptions: [{ name: "*", code: "BACKUP_MOVED", breach: null }],
    });
    expect(await state()).toEqual({ state: "erased" });
    expect(await held(moved("2026-11-13T03:00:00Z"))).toMatchObject([{ repository: "nightly", sets: 2 }]);
    expect(await listBackups(moved("2026-11-13T03:00:00Z"), "newest")).toMatchObject([
      { sets: [{ state: "new" }], exceptions: [{ name: "*", code: "BACKUP_MOVED" }] },
    ]);
    expect(await checkBackups(moved("2026-11-13T03:00:00Z"))).toMatchObject([
      { window: null, findings: [{ code: "BACKUP_MOVED", hint: expect.stringContaining("backups moved") }] },
    ]);

    expect(await movedBackups(moved("2026-11-13T09:00:00Z"), "nightly", by)).toEqual({
      repository: "nightly",
      to: "another place",
      sets: 3,
    });
    const [after] = await night(moved("2026-11-14T03:00:00Z"));
    // They had a month to go: who says that they are in the new place is told which of them are not.
    expect(after?.exceptions.map(({ code }) => code)).toEqual([
      "BACKUP_VANISHED",
      "BACKUP_VANISHED",
      "BACKUP_VANISHED",
    ]);
    expect(await state()).toEqual({ state: "completed" });
    expect(await at.entries("backup.moved")).toEqual([
      {
        kind: "backup.moved",
        repository: "nightly",
        to: "another place",
        sets: 3,
        ...by,
      },
    ]);
  });

  test("goes on as before when its backups were moved there, or when the old place is configured again", async () => {
    await night(on("2026-11-12T03:00:00Z"));
    const path = join(at.directory, "elsewhere");
    await rename(at.path, path);
    const there = (now: string) => on(now, [{ ...at.backup, path }]);
    await night(there("2026-11-13T03:00:00Z"));
    await movedBackups(there("2026-11-13T09:00:00Z"), "nightly", by);
    expect(await night(there("2026-11-14T03:00:00Z"))).toMatchObject([{ kept: 3, exceptions: [] }]);
    expect(await state()).toEqual({ state: "erased" });

    await night(on("2026-11-15T03:00:00Z"));
    expect(await night(there("2026-11-16T03:00:00Z"))).toMatchObject([{ kept: 3, exceptions: [] }]);
  });

  test("is another one when it is of another store, and the same with another account", () => {
    const restic: BackupConfig = {
      name: "vault",
      kind: "restic",
      store: "shop",
      keepDays: 30,
      repository: "rest:https://lethe:one@backup.example:8000/shop",
      passwordFile: "/etc/one",
      tag: undefined,
      program: "restic",
    };
    const other = {
      ...restic,
      repository: "rest:https://lethe:two@backup.example:8000/shop",
      passwordFile: "/etc/two",
    };
    expect(placeOf(other)).toBe(placeOf(restic));
    expect(placeOf({ ...restic, store: "crm" })).not.toBe(placeOf(restic));
    expect(placeOf({ ...restic, tag: "shop" })).not.toBe(placeOf(restic));
  });
});

describe("a repository that the configuration names no more", () => {
  test("keeps everybody from being completed who may be in it, by name, until it is configured again or somebody says that nothing is left", async () => {
    await night(on("2026-11-12T03:00:00Z"));
    const without = (now: string) => on(now, []);
    const forsaken = { repository: "nightly", purged: 0, exceptions: [{ name: "*", code: "BACKUP_UNCONFIGURED" }] };
    expect(await night(without("2027-01-12T03:00:00Z"))).toMatchObject([forsaken]);
    expect(await state()).toEqual({ state: "erased" });
    expect(await held(without("2027-01-12T03:00:00Z"))).toMatchObject([
      { repository: "nightly", configured: false, sets: 2, clearOn: null, holds: [] },
    ]);
    expect(await checkBackups(without("2027-01-12T03:00:00Z"))).toMatchObject([
      { repository: "nightly", keepDays: null, findings: [{ code: "BACKUP_UNCONFIGURED" }] },
    ]);

    await rm(at.path, { recursive: true });
    expect(await movedBackups(without("2027-01-12T09:00:00Z"), "nightly", by)).toMatchObject({
      to: "nowhere",
      sets: 3,
    });
    expect(await night(without("2027-01-13T03:00:00Z"))).toEqual([]);
    expect(await state()).toEqual({ state: "completed" });
    expect(await held(without("2027-01-13T03:00:00Z"))).toEqual([]);
    expect(await at.entries("backup.moved")).toMatchObject([{ to: "nowhere", sets: 3 }]);
    expect(Object.values(await at.states())).toEqual(["vanished", "vanished", "vanished"]);
  });

  test("is asked again when it is configured again", async () => {
    await night(on("2026-11-12T03:00:00Z"));
    await night(on("2026-11-13T03:00:00Z", []));
    expect(await night(on("2026-11-14T03:00:00Z"))).toMatchObject([{ kept: 3, exceptions: [] }]);
  });
});

test("nobody can say that of a repository that is where it was", async () => {
  await expect(movedBackups(on("2026-11-12T03:00:00Z"), "nightly", by)).rejects.toMatchObject({ code: "USAGE" });
  await night(on("2026-11-12T03:00:00Z"));
  await expect(movedBackups(on("2026-11-12T09:00:00Z"), "nightly", by)).rejects.toMatchObject({ code: "USAGE" });
  await expect(movedBackups(on("2026-11-12T09:00:00Z"), "other", by)).rejects.toMatchObject({ code: "USAGE" });
});
