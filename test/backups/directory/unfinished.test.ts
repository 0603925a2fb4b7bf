import { appendFileSync } from "node:fs";
import { appendFile, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listBackups } from "#backups/list.ts";
import { purgeBackups } from "#backups/purge.ts";
import { reaches } from "#backups/reach.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import { plainDump, scene, setModified, writeNights, writeSet, type Scene } from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene(now);
});
afterEach(() => at.dispose());

const purge = async (when: string, id: string, keepDays = 30): Promise<RepositoryResult> => {
  const context = at.on(when);
  const backups = [{ ...at.backup, keepDays }];
  const [result] = await purgeBackups({ ...context, config: { ...context.config, backups } }, await at.newRun(id));
  if (result === undefined) throw new Error("no result");
  return result;
};
const files = async (): Promise<string[]> => (await readdir(at.path)).toSorted();
/** The moment that backups of the store go back to, after a run. */
const reach = async (id: string): Promise<string> => {
  const [store] = await reaches(at.context.state.db, at.on(now).config, id);
  return new Date(store?.oldest ?? "").toISOString();
};

test("dumps that nobody finished go when they are due, and hold whom they hold until then", async () => {
  const nights = await writeNights(at.path, 2, "2026-11-22");
  const due = [
    ".shop-2026-10-03T0200Z.dump.x7Qz2B",
    "shop-2026-10-01T0200Z.dump.partial",
    "shop-2026-10-02T0200Z.sql.gz.tmp",
  ];
  for (const name of due) await writeSet(at.path, name, "Ada", `${name.match(/2026-10-\d\d/)?.[0]}T02:10:00Z`);
  const young = "shop-2026-11-02T0200Z.dump.partial";
  await writeSet(at.path, young, "Ada", "2026-11-02T02:10:00Z");
  expect(await purge(now, "R1")).toMatchObject({ purged: 3, kept: 3, oldest: "2026-11-02T02:00:00Z", exceptions: [] });
  expect(await files()).toEqual([...nights, young].toSorted());
  expect(await reach("R1")).toBe("2026-11-02T02:00:00.000Z");
  expect(new Set((await at.entries("backup.purged")).map(({ name }) => name))).toEqual(new Set(due));
  const [listed] = await listBackups(at.on(now), "all");
  expect(listed?.sets[0]).toMatchObject({ name: young, good: false, purgeOn: "2026-12-02" });
});

test("a dump that is being written is not deleted, however old its name, and however short the retention", async () => {
  await writeNights(at.path, 1, "2026-11-22");
  await writeSet(at.path, "shop-2026-01-01T0200Z.dump.partial", "a copy of an old one", "2026-11-22T02:59:00Z");
  await writeSet(at.path, "shop-2026-11-20T2300Z.dump.partial", "of two nights", "2026-11-22T02:59:00Z");
  await writeSet(at.path, "shop-2026-11-20T2200Z.dump.partial", "broken off", "2026-11-21T02:59:00Z");
  expect(await purge(now, "R1", 1)).toMatchObject({
    purged: 1,
    exceptions: [{ name: "shop-2026-01-01T0200Z.dump.partial", code: "BACKUP_DATE_DISPUTED" }],
  });
  expect(await files()).toEqual([
    "shop-2026-01-01T0200Z.dump.partial",
    "shop-2026-11-20T2300Z.dump.partial",
    "shop-2026-11-22T0200Z.sql.gz",
  ]);
});

test("one that is completed is nobody's loss, and a set under its own name", async () => {
  await writeNights(at.path, 2, "2026-11-22");
  const name = "shop-2026-11-22T0230Z.sql";
  await writeSet(at.path, `${name}.partial`, plainDump("Ada"), "2026-11-22T02:50:00Z");
  expect(await purge(now, "R1")).toMatchObject({ kept: 3, exceptions: [] });
  await rename(join(at.path, `${name}.partial`), join(at.path, name));
  expect(await purge(now, "R2")).toMatchObject({ purged: 0, kept: 3, exceptions: [] });
  expect(Object.keys(await at.states())).not.toContain(`${name}.partial`);
  expect(await at.states()).toMatchObject({ [name]: "listed" });
});

test("what is written on is as old as what is in it, also under a name without a date", async () => {
  await writeNights(at.path, 2, "2026-11-22");
  await writeSet(at.path, "latest.dump.partial", plainDump("of Ada"), "2026-11-05T02:10:00Z");
  await purge(now, "R1");
  await appendFile(join(at.path, "latest.dump.partial"), " and Ben");
  await setModified(at.path, "latest.dump.partial", "2026-11-06T02:10:00Z");
  await purge(now, "R2");
  expect(await reach("R2")).toBe("2026-11-05T02:10:00.000Z");
  // Begun anew it is as old as it says.
  await writeSet(at.path, "latest.dump.partial", plainDump("of Cem"), "2026-11-22T02:10:00Z");
  await purge(now, "R3");
  expect(await reach("R3")).toBe("2026-11-21T02:00:00.000Z");
});

test("a file that changes while it is read counts, says nothing of the backups, and is not deleted", async () => {
  await writeNights(at.path, 2, "2026-11-22");
  const file = join(at.path, "shop-2026-10-01T0200Z.sql");
  await writeFile(file, Buffer.alloc(64 << 20, "a"));
  const writing = setInterval(() => appendFileSync(file, "a"), 1);
  const result = await purge(now, "R1").finally(() => clearInterval(writing));
  expect(result).toMatchObject({ purged: 0, kept: 3, oldest: "2026-10-01T02:00:00Z" });
  expect(result.exceptions.map(({ code }) => code)).toEqual(["BACKUP_DATE_DISPUTED"]);
  expect(await files()).toHaveLength(3);
  expect(await reach("R1")).toBe("2026-10-01T02:00:00.000Z");
});

test("a dump that is begun where the disk is not mounted does not make all others gone", async () => {
  await writeNights(at.path, 3, "2026-11-22");
  await purge(now, "R1");
  await rename(at.path, `${at.path}-unmounted`);
  await mkdir(at.path);
  await writeSet(at.path, "shop-2026-11-22T0230Z.sql.gz.partial", "Ada", "2026-11-22T02:50:00Z");
  const result = await purge(now, "R2");
  expect(result.purged).toBe(0);
  expect(result.exceptions).toMatchObject([{ code: "BACKUP_LAST_GOOD" }]);
  expect(Object.values(await at.states())).toEqual(["listed", "listed", "listed", "listed"]);
  expect(await reach("R2")).toBe("2026-11-20T02:00:00.000Z");
});
