import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closePool, openPool } from "#db/pool.ts";
import { writeNights } from "#test/backups/repository-files.ts";
import type { Night } from "#test/execute/night.ts";
import { dropCopy } from "#test/restore/copies.ts";
import { emailsIn, replay, restoredNight, standingIn } from "#test/restore/restored.ts";

let night: Night;
let backups: string;
beforeEach(async () => {
  night = await restoredNight();
  backups = join(night.directory, "backups");
  await mkdir(backups);
});
afterEach(async () => {
  await dropCopy(night.store);
  await night.dispose();
});

const states = async () =>
  (await night.state.query<{ state: string }>("select state from lethe.request order by id")).map(({ state }) => state);
const suppressed = async () => (await night.state.query("select from lethe.suppression")).length;

test("while a restored store is not released nobody in it is called completed, and who has to be recognised is remembered, whatever backups go", async () => {
  const remembered = await suppressed();
  await writeNights(backups, 40, "2026-12-20");
  await expect(night.nightly(night.at("2026-12-20T03:00:00Z"))).rejects.toMatchObject({ code: "STORE_RESTORED" });
  expect([await states(), await suppressed()]).toEqual([["erased", "erased"], remembered]);
  await replay(night.at("2026-12-20T04:00:00Z"));
  expect([await standingIn(night), await emailsIn(night)]).toEqual(["current", ["ben@example.org"]]);
});

test("a store that cannot be asked whether it was restored counts as one that was", async () => {
  const remembered = await suppressed();
  await writeNights(backups, 40, "2026-12-20");
  const { stores, ...context } = night.at("2026-12-20T03:00:00Z");
  const pool = openPool({ url: "postgres://nobody@127.0.0.1:1/shop", applicationName: "lethe test", label: "shop" });
  const unreachable = stores.map((store) => ({ ...store, pool }));
  await expect(night.nightly({ ...context, stores: unreachable })).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
  await closePool(pool);
  expect([await states(), await suppressed()]).toEqual([["erased", "erased"], remembered]);
});

test("backups that were made between the restore and the release hold who was back", async () => {
  await writeNights(backups, 10, "2026-11-12");
  await replay(night.at("2026-11-12T04:00:00Z"));
  await writeNights(backups, 30, "2026-12-11");
  await night.nightly(night.at("2026-12-11T03:00:00Z"));
  expect(await states()).toEqual(["erased", "erased", "erased", "erased"]);
  await night.nightly(night.at("2026-12-12T03:00:00Z"));
  expect(await states()).toEqual(["completed", "completed", "completed", "completed"]);
  expect(await suppressed()).toBe(0);
});
