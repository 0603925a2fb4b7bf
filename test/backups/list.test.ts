import { rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listBackups } from "#backups/list.ts";
import { purgeBackups } from "#backups/purge.ts";
import { listScreen } from "#cli/backups.ts";
import { goodGzip, scene, writeNights, writeSet, type Scene } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene(now);
});
afterEach(() => at.dispose());

test("the list shows age, day of purge and what is good, and changes nothing", async () => {
  const [first] = await writeNights(at.path, 32, "2026-11-22");
  const [repository] = await listBackups(at.on(now), "newest");
  expect(repository).toMatchObject({ repository: "nightly", store: "shop", keepDays: 30, exceptions: [] });
  expect(repository?.sets).toHaveLength(32);
  expect(repository?.sets[0]).toMatchObject({
    name: first,
    ageDays: 31,
    state: "new",
    good: null,
    purgeOn: "2026-11-21",
  });
  expect(repository?.sets.at(-1)).toMatchObject({ ageDays: 0, good: true, purgeOn: "2026-12-22" });
  expect(await at.states()).toEqual({});

  await purgeBackups(at.on(now), await at.newRun("R1"));
  const [later] = await listBackups(at.on(now), "all");
  expect(later?.sets.map(({ state, good }) => [state, good])).toEqual(
    Array.from({ length: 30 }, () => ["listed", true]),
  );
});

test("what is wrong stands below the table with the day from which it is a breach", async () => {
  await writeNights(at.path, 1, "2026-11-22");
  await writeSet(at.path, "copy-2026-01-01.sql.gz", goodGzip("x"), "2026-11-20T02:00:00Z");
  const screen = listScreen(await listBackups(at.on(now), "newest"), 200);
  expect(screen).toContain("! BACKUP_DATE_DISPUTED  nightly: copy-2026-01-01.sql.gz  (breach from 2026-01-31)");
  expect(screen.split("\n")[0]).toMatch(/^repository +name +taken +days +size +state +good +purge on$/);
});

test("a repository that cannot be read is said to be, with no sets", async () => {
  await rm(at.path, { recursive: true });
  expect(await listBackups(at.on(now), "newest")).toMatchObject([
    { sets: [], exceptions: [{ code: "BACKUPS_UNREADABLE" }] },
  ]);
});
