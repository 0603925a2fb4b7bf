import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkBackups } from "#backups/check.ts";
import { checkScreen } from "#cli/backups-text.ts";
import { scene, setModified, writeNights, type Scene } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene(now);
});
afterEach(() => at.dispose());

test("a repository that keeps what is promised is ok, and it is said from when to when one can go back", async () => {
  await writeNights(at.path, 30, "2026-11-22");
  const checked = await checkBackups(at.on(now));
  expect(checked).toEqual([
    {
      repository: "nightly",
      store: "shop",
      keepDays: 30,
      window: { oldest: "2026-10-24T02:00:00Z", newest: "2026-11-22T02:00:00Z" },
      findings: [],
    },
  ]);
  expect(checkScreen(checked)).toBe(
    [
      "nightly, at most 30 days",
      "  shop can be restored as it was from 2026-10-24T02:00Z to 2026-11-22T02:00Z",
      "  ok",
    ].join("\n"),
  );
});

test("what a night would stop at is told before, with the day and what to do, and nothing is changed", async () => {
  const names = await writeNights(at.path, 33, "2026-11-22");
  const newest = names.at(-1) ?? "";
  await truncate(join(at.path, newest), 40);
  await setModified(at.path, newest, "2026-11-22T02:10:00Z");
  const [checked] = await checkBackups(at.on(now));
  expect(checked?.findings).toMatchObject([
    { code: "BACKUP_NOT_RESTORABLE", message: `${newest}, which breaks the retention from 2026-12-22` },
    { code: "BACKUP_LAST_GOOD", hint: expect.stringContaining("Make a newer backup") },
  ]);
  expect(checkScreen(checked === undefined ? [] : [checked])).toContain("! BACKUP_LAST_GOOD");
  expect(await at.states()).toEqual({});
});

test("of a repository that cannot be read it is told why, and nothing else", async () => {
  const backup = { ...at.backup, path: join(at.path, "none") };
  const context = at.on(now);
  const checked = await checkBackups({ ...context, config: { ...context.config, backups: [backup] } });
  expect(checked).toMatchObject([{ window: null, findings: [{ code: "BACKUPS_UNREADABLE" }] }]);
  expect(checkScreen(checked)).toContain("nothing can be restored from it, as far as is known");
});
