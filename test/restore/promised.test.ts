import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { composeLetter } from "#letters/compose.ts";
import { readLanguage } from "#letters/language.ts";
import { writeNights } from "#test/backups/repository-files.ts";
import type { Night } from "#test/execute/night.ts";
import { dropCopy } from "#test/restore/copies.ts";
import { replay, restoredNight } from "#test/restore/restored.ts";

let night: Night;
afterEach(async () => {
  await dropCopy(night.store);
  await night.dispose();
});

test("nobody is written to that they are erased while a restore has brought them back, nor that backups go earlier than those of the restored store", async () => {
  night = await restoredNight({
    blockers: "- { code: ORDERS, when: { table: orders, note: [open] }, then: block }",
  });
  await mkdir(join(night.directory, "backups"));
  const ada = (await night.requests())[0]?.ref ?? "";
  const letter = async () => (await composeLetter(night.context, ada, "completion", await readLanguage("en"))).markdown;
  expect(await letter()).toContain("until **2 December 2026** at the latest");
  await night.store.query("update orders set note = 'open' where customer_id = 1");
  await replay(night.context);
  await expect(letter()).rejects.toMatchObject({ code: "STORE_RESTORED" });
  await night.store.query("update orders set note = 'paid'");
  await writeNights(join(night.directory, "backups"), 9, "2026-11-11");
  await replay(night.at("2026-11-11T04:00:00Z"));
  // A backup of the morning of the release holds the person, too.
  expect(await letter()).toContain("until **11 December 2026** at the latest");
});
