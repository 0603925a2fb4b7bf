import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completeErased } from "#backups/custody.ts";
import { directoryRepository } from "#backups/directory/repository.ts";
import { keptIn, keptSince } from "#backups/kept.ts";
import { listBackups } from "#backups/list.ts";
import { purgeBackups, purgeRepository } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import { saveInventory } from "#backups/set-records.ts";
import { backupsHolding } from "#db/holding-backups.ts";
import { holdBackups, type BackupRange } from "#holds/backups.ts";
import { listHolds } from "#holds/list.ts";
import { endHolds, releaseHolds } from "#holds/release.ts";
import { scene, writeNights, type Scene } from "#test/backups/repository-files.ts";

const today = "2026-12-12T03:00:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene(today);
  await writeNights(at.path, 33, "2026-12-12");
});
afterEach(() => at.dispose());

const night = async (now = today): Promise<RepositoryResult> => {
  const context = at.on(now);
  const run = await at.newRun(now);
  await endHolds(context, run);
  const [result] = await purgeBackups(context, run);
  await completeErased(context, run);
  if (result === undefined) throw new Error("no result");
  return result;
};

const hold = (range: Partial<BackupRange> = {}, until?: string) =>
  holdBackups(
    at.on(today),
    { by: "counsel", matter: "AZ-2026/7", reason: "litigation", until },
    { repository: "nightly", backup: undefined, from: undefined, to: undefined, ...range },
  );

const oldest = async (): Promise<string | undefined> => (await readdir(at.path)).toSorted()[0];

/** Known before anything is due: as the nights before have listed them. */
const listed = async (): Promise<void> => {
  const { sets } = await directoryRepository(at.backup, "Europe/Berlin").inventory(new Map());
  await saveInventory(at.context.state.db, "nightly", sets, { at: at.context.clock.now(), run: "R0" });
};

const erased = async (moment: string): Promise<void> => {
  await at.newRun("R0");
  await at.state.query(
    `with request as (insert into lethe.request (ref, state, received_on, due_on, due_basis, created_at, changed_at, erased_at)
      values ('R-1', 'erased', '2026-11-01', '2026-12-01', 'GDPR Art. 12(3)', $1, $1, $1) returning id)
    insert into lethe.outcome select id, 'shop', 'erased', 'R0' from request`,
    [moment],
  );
};

test("what a legal hold keeps is not purged; it is told as kept and as no breach, and the rest goes", async () => {
  await at.newRun("R0");
  await listed();
  expect(await hold({ from: "2026-11-11", to: "2026-11-11" })).toMatchObject({ backups: 1 });
  const { purged, kept, exceptions } = await night();
  expect({ purged, kept, exceptions }).toEqual({
    purged: 2,
    kept: 31,
    exceptions: [{ name: "shop-2026-11-11T0200Z.sql.gz", code: "BACKUP_HELD", breach: null }],
  });
  expect(await oldest()).toBe("shop-2026-11-11T0200Z.sql.gz");
  expect(await at.entries("hold.placed")).toMatchObject([
    { of: "backups", repository: "nightly", backup: null, from: "2026-11-11", to: "2026-11-11", matter: "AZ-2026/7" },
  ]);
  const [repository] = await listBackups(at.on(today), "newest");
  expect(repository?.sets[0]).toMatchObject({ name: "shop-2026-11-11T0200Z.sql.gz", state: "held" });
});

test("who is in a backup that is held stays erased and not completed, by the hold's name, until it is released", async () => {
  await erased("2026-11-11T12:00:00Z");
  await listed();
  const { ref } = await hold({ backup: "shop-2026-11-11T0200Z.sql.gz" });
  await night();
  const { db } = at.context.state;
  expect(await backupsHolding(db, at.context.config, "R-1")).toMatchObject([
    { repository: "nightly", sets: 1, clearOn: null, holds: [ref] },
  ]);
  expect(await listHolds(at.on(today), { all: false })).toMatchObject([
    { kind: "backups", repository: "nightly", backup: "shop-2026-11-11T0200Z.sql.gz", store: "shop", waiting: 1 },
  ]);
  await releaseHolds(at.on(today), { hold: ref }, { by: "counsel" });
  expect(await night()).toMatchObject({ purged: 1, exceptions: [] });
  expect(await backupsHolding(db, at.context.config, "R-1")).toEqual([]);
  expect(await at.entries("request.completed")).toHaveLength(1);
});

test("a hold whose last day is over lets the backups go by itself", async () => {
  await at.newRun("R0");
  await listed();
  await hold({}, "2026-12-12");
  expect(await night()).toMatchObject({ purged: 0, kept: 33 });
  expect(await night("2026-12-13T03:00:00Z")).toMatchObject({ purged: 4, kept: 29 });
});

test("a hold that comes while the night purges wins over what is not deleted yet", async () => {
  await at.newRun("R0");
  await listed();
  const real = directoryRepository(at.backup, "Europe/Berlin");
  const result = await purgeRepository(at.on(today), await at.newRun("R1"), at.backup, {
    ...real,
    remove: async (set) => {
      const removal = await real.remove(set);
      await hold();
      return removal;
    },
  });
  expect(result).toMatchObject({
    purged: 1,
    exceptions: ["shop-2026-11-11T0200Z.sql.gz", "shop-2026-11-12T0200Z.sql.gz"].map((name) => ({
      name,
      code: "BACKUP_HELD",
    })),
  });
  expect(await at.states()).toMatchObject({ "shop-2026-11-11T0200Z.sql.gz": "condemned" });
  await night();
  expect(await at.states()).toMatchObject({ "shop-2026-11-11T0200Z.sql.gz": "listed" });
});

test("what a held backup needs is kept with it, and nothing else of its chain", async () => {
  const set = (name: string, needs: readonly string[]) => ({
    name,
    sha256: "0".repeat(64),
    bytes: 1,
    taken: at.context.clock.now(),
    modified: at.context.clock.now(),
    sideCar: "match" as const,
    needs,
    restores: at.context.clock.now(),
  });
  await at.newRun("R0");
  const sets = [set("F", []), set("D", ["F"]), set("I", ["D", "F"]), set("J", ["I", "D", "F"]), set("F2", [])];
  await saveInventory(at.context.state.db, "nightly", sets, { at: at.context.clock.now(), run: "R0" });
  expect(await hold({ backup: "I" })).toMatchObject({ backups: 3 });
});

test("a hold on nothing is refused: a repository or a backup that is not there, a time that ends before it begins", async () => {
  await expect(hold({ repository: "nightli" })).rejects.toMatchObject({
    code: "HOLD_INVALID",
    hint: "did you mean nightly?",
  });
  await expect(hold({ backup: "shop-2026-11-11T0200Z.sql.gz" })).rejects.toMatchObject({ code: "HOLD_INVALID" });
  await expect(hold({ from: "2026-11-12", to: "2026-11-11" })).rejects.toMatchObject({ code: "HOLD_INVALID" });
  expect(await listHolds(at.on(today), { all: true })).toEqual([]);
});

test("who removes a backup that a hold keeps is told of, however old it is", async () => {
  await at.newRun("R0");
  await listed();
  await hold({ to: "2026-11-10" });
  await rm(join(at.path, "shop-2026-11-10T0200Z.sql.gz"));
  expect(await night()).toMatchObject({
    exceptions: [{ name: "shop-2026-11-10T0200Z.sql.gz", code: "BACKUP_VANISHED", breach: null }],
  });
});

test("of what a run deleted and could not tell any more, a hold that comes later does not make a loss", async () => {
  await at.newRun("R0");
  await listed();
  await at.state.query("update lethe.backup_set set state = 'condemned' where name like 'shop-2026-11-10%'");
  await rm(join(at.path, "shop-2026-11-10T0200Z.sql.gz"));
  await hold({ to: "2026-11-10" });
  expect(await night()).toMatchObject({ purged: 3, exceptions: [] });
});

test("two holds that come at one time are both seen, in whatever order they commit", async () => {
  await at.newRun("R0");
  await listed();
  const { db } = at.context.state;
  const client = await at.context.state.pool.raw.connect();
  await client.query("begin");
  await client.query(
    `insert into lethe.hold (ref, matter, reason, kind, store, repository, backup, placed_by, placed_at)
      values ('H-1', 'AZ-1', 'other', 'backups', 'shop', 'nightly', 'shop-2026-11-11T0200Z.sql.gz', 'counsel', now())`,
  );
  await hold({ backup: "shop-2026-11-12T0200Z.sql.gz" });
  const before = await keptIn(db, "nightly", "Europe/Berlin");
  await client.query("commit");
  client.release();
  const since = await keptSince(db, "nightly", "Europe/Berlin", before);
  expect([before.names.size, since.names.size]).toEqual([1, 2]);
});
