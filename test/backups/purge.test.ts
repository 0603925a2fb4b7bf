import { mkdir, readdir, rename, rm, stat, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openRepository } from "#backups/open.ts";
import { purgeBackups, purgeRepository } from "#backups/purge.ts";
import type { RepositoryResult } from "#backups/record-night.ts";
import type { Repository } from "#backups/repository.ts";
import { LetheError } from "#lib/errors.ts";
import {
  plainDump,
  run as exec,
  goodGzip,
  scene,
  setModified,
  writeNights,
  writeSet,
  writeSideCar,
  type Scene,
} from "#test/backups/repository-files.ts";

const now = "2026-11-22T03:00:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene(now);
});
afterEach(() => at.dispose());

const purge = async (when = now, id = "R1"): Promise<RepositoryResult> => {
  const [result] = await purgeBackups(at.on(when), await at.newRun(id));
  if (result === undefined) throw new Error("no result");
  return result;
};
const codes = (result: RepositoryResult): string[] => result.exceptions.map(({ name, code }) => `${name} ${code}`);
const files = async (): Promise<string[]> => (await readdir(at.path)).toSorted();

test("of 45 nights the 15 that are more than thirty days old are purged, each with its digest in the ledger", async () => {
  const names = await writeNights(at.path, 45, "2026-11-22");
  const result = await purge();
  expect(result).toMatchObject({ purged: 15, kept: 30, oldest: "2026-10-24T02:00:00Z", exceptions: [] });
  expect(await files()).toEqual(names.slice(15));
  const purged = await at.entries("backup.purged");
  expect(purged.map((entry) => entry["name"])).toEqual(names.slice(0, 15));
  expect(purged.every((entry) => /^[0-9a-f]{64}$/.test(String(entry["sha256"])))).toBe(true);
  const [inventory] = await at.entries("backup.inventory");
  expect(inventory).toMatchObject({ repository: "nightly", sets: 30, oldest: "2026-10-24T02:00:00Z" });
  expect(inventory?.["verified"]).toMatchObject({ name: names.at(-1) });
});

test("a set is due when thirty days of 24 hours are over, not a minute earlier", async () => {
  await writeNights(at.path, 31, "2026-11-22");
  expect((await purge("2026-11-22T01:59:00Z", "R1")).purged).toBe(0);
  expect((await purge("2026-11-22T02:01:00Z", "R2")).purged).toBe(1);
});

test("a second night finds nothing to do and says so", async () => {
  await writeNights(at.path, 45, "2026-11-22");
  await purge(now, "R1");
  const again = await purge(now, "R2");
  expect(again).toMatchObject({ purged: 0, kept: 30, exceptions: [] });
  expect(await at.entries("backup.purged")).toHaveLength(15);
});

test("side-cars go with their set, and one that contradicts makes the set not good", async () => {
  await writeNights(at.path, 32, "2026-11-22");
  await writeSideCar(at.path, "shop-2026-10-22T0200Z.sql.gz");
  await writeFile(join(at.path, "shop-2026-11-21T0200Z.sql.gz.sha256"), `${"0".repeat(64)}  x\n`);
  const result = await purge();
  expect(result.purged).toBe(2);
  expect(codes(result)).toEqual(["shop-2026-11-21T0200Z.sql.gz BACKUP_CHECKSUM"]);
  expect(await files()).not.toContain("shop-2026-10-22T0200Z.sql.gz.sha256");
});

test("a name that lies about its date is purged only when both dates are old enough", async () => {
  await writeNights(at.path, 3, "2026-11-22");
  await writeSet(at.path, "old-2026-01-01.sql.gz", goodGzip("a"), "2026-11-20T02:00:00Z");
  await writeSet(at.path, "new-2026-11-20.sql.gz", goodGzip("b"), "2026-01-01T02:00:00Z");
  await writeSet(at.path, "both-2026-01-01.sql.gz", goodGzip("c"), "2026-02-01T02:00:00Z");
  const result = await purge();
  expect(codes(result)).toEqual([
    "both-2026-01-01.sql.gz BACKUP_DATE_DISPUTED",
    "new-2026-11-20.sql.gz BACKUP_DATE_DISPUTED",
    "old-2026-01-01.sql.gz BACKUP_DATE_DISPUTED",
  ]);
  expect(result).toMatchObject({ purged: 1, kept: 5, oldest: "2025-12-31T23:00:00Z" });
  expect(await files()).not.toContain("both-2026-01-01.sql.gz");
});

test("while the newest set is cut off nothing is purged, and the exceptions say since when that breaks the retention", async () => {
  await writeNights(at.path, 40, "2026-11-22");
  await truncate(join(at.path, "shop-2026-11-22T0200Z.sql.gz"), 40);
  await setModified(at.path, "shop-2026-11-22T0200Z.sql.gz", "2026-11-22T02:10:00Z");
  const result = await purge();
  expect(result.purged).toBe(0);
  expect(result.exceptions).toEqual([
    { name: "shop-2026-11-22T0200Z.sql.gz", code: "BACKUP_NOT_RESTORABLE", breach: "2026-12-22" },
    { name: "shop-2026-11-21T0200Z.sql.gz", code: "BACKUP_LAST_GOOD", breach: "2026-11-13" },
  ]);
  await writeNights(at.path, 1, "2026-11-23");
  expect(await purge("2026-11-23T03:00:00Z", "R2")).toMatchObject({ purged: 11 });
});

test("when every set but due ones is broken, nothing is purged and the exception names the day of the breach", async () => {
  await writeNights(at.path, 40, "2026-11-22");
  const kept = (await files()).slice(-30);
  for (const name of kept) {
    await truncate(join(at.path, name), 40);
    await setModified(at.path, name, `${name.slice(5, 15)}T02:10:00Z`);
  }
  const result = await purge();
  expect(result).toMatchObject({ purged: 0, kept: 40 });
  expect(result.exceptions.at(-1)).toEqual({
    name: "shop-2026-10-23T0200Z.sql.gz",
    code: "BACKUP_LAST_GOOD",
    breach: "2026-11-13",
  });
  expect(await files()).toHaveLength(40);
  expect(Object.values(await at.states()).every((state) => state === "listed")).toBe(true);
});

test("when backups stopped long ago the last good one stays, and none of the others", async () => {
  await writeNights(at.path, 5, "2026-09-01");
  const result = await purge();
  expect(result).toMatchObject({ purged: 4, kept: 1 });
  expect(codes(result)).toEqual(["shop-2026-09-01T0200Z.sql.gz BACKUP_LAST_GOOD"]);
});

test("links and directories are named and left alone; dotfiles are not mentioned", async () => {
  await writeNights(at.path, 2, "2026-11-22");
  await writeSet(at.path, ".hidden-2026-01-01", "x", "2026-01-01T02:00:00Z");
  await mkdir(join(at.path, "older"));
  const outside = join(at.directory, "outside-2026-01-01.sql.gz");
  await writeFile(outside, goodGzip("outside"));
  await symlink(outside, join(at.path, "link-2026-01-01.sql.gz"));
  const result = await purge();
  expect(codes(result)).toEqual(["link-2026-01-01.sql.gz BACKUP_FOREIGN", "older BACKUP_FOREIGN"]);
  expect(result.kept).toBe(2);
  expect(await files()).toHaveLength(5);
});

test("an empty repository is an exception, and what was known of it is not called gone", async () => {
  await writeNights(at.path, 3, "2026-11-22");
  await purge(now, "R1");
  await rename(at.path, `${at.path}-unmounted`);
  await mkdir(at.path);
  const result = await purge(now, "R2");
  expect(result).toMatchObject({ purged: 0, kept: 0, oldest: null });
  expect(codes(result)).toEqual(["* BACKUP_NONE"]);
  expect(Object.values(await at.states())).toEqual(["listed", "listed", "listed"]);
});

test("a directory that cannot be read is one exception; the other repositories go on", async () => {
  await writeNights(at.path, 40, "2026-11-22");
  const context = at.on(now);
  const lost = { ...at.backup, name: "lost", path: join(at.directory, "not-there") };
  const both = { ...context, config: { ...context.config, backups: [lost, at.backup] } };
  const [first, second] = await purgeBackups(both, await at.newRun("R1"));
  expect(first).toMatchObject({ repository: "lost", exceptions: [{ code: "BACKUPS_UNREADABLE" }] });
  expect(second).toMatchObject({ repository: "nightly", purged: 10, exceptions: [] });
  expect(await at.entries("backup.exception")).toEqual([
    { kind: "backup.exception", repository: "lost", name: "*", code: "BACKUPS_UNREADABLE", breach: null },
  ]);
});

test("a set that somebody else removes before its time is an exception, one that was due is not", async () => {
  await writeNights(at.path, 31, "2026-11-22");
  await purge("2026-11-22T01:00:00Z", "R1");
  await unlink(join(at.path, "shop-2026-10-23T0200Z.sql.gz"));
  await unlink(join(at.path, "shop-2026-11-01T0200Z.sql.gz"));
  const result = await purge(now, "R2");
  expect(codes(result)).toEqual(["shop-2026-11-01T0200Z.sql.gz BACKUP_VANISHED"]);
  expect(result).toMatchObject({ purged: 0, kept: 29 });
  expect(await at.entries("backup.purged")).toEqual([]);
});

test("lost between listing and deleting: vanished, and never claimed as purged", async () => {
  const names = await writeNights(at.path, 32, "2026-11-22");
  const real = openRepository(at.backup, "Europe/Berlin");
  const racing: Repository = {
    ...real,
    remove: async (set) => {
      if (set.name === names[0]) await unlink(join(at.path, set.name));
      return real.remove(set);
    },
  };
  const result = await purgeRepository(at.on(now), await at.newRun("R1"), at.backup, racing);
  expect(result).toMatchObject({ purged: 1, kept: 30, exceptions: [] });
  expect((await at.states())[names[0] ?? ""]).toBe("vanished");
});

test("other bytes that took the place of a due set before the deletion stay", async () => {
  const names = await writeNights(at.path, 31, "2026-11-22");
  const [victim = ""] = names;
  const real = openRepository(at.backup, "Europe/Berlin");
  const racing: Repository = {
    ...real,
    remove: async (set) => {
      await writeSet(at.path, victim, goodGzip("another one entirely"), now);
      return real.remove(set);
    },
  };
  const result = await purgeRepository(at.on(now), await at.newRun("R1"), at.backup, racing);
  expect(result).toMatchObject({ purged: 0, kept: 31 });
  expect(await files()).toContain(victim);
});

test.each<readonly [string, Repository["remove"]]>([
  ["refused", () => Promise.resolve("refused")],
  ["that is not answered", () => Promise.reject(new LetheError("BACKUPS_UNREADABLE", "no answer", { hint: "" }))],
])("a deletion %s is an exception, stays condemned, and does not stop the others", async (_, refuse) => {
  const names = await writeNights(at.path, 33, "2026-11-22");
  const real = openRepository(at.backup, "Europe/Berlin");
  const stubborn: Repository = {
    ...real,
    remove: (set) => (set.name === names[1] ? refuse(set) : real.remove(set)),
  };
  const result = await purgeRepository(at.on(now), await at.newRun("R1"), at.backup, stubborn);
  expect(result).toMatchObject({ purged: 2, kept: 31 });
  expect(codes(result)).toEqual([`${names[1]} BACKUP_NOT_DELETED`]);
  expect((await at.states())[names[1] ?? ""]).toBe("condemned");
  expect((await purge(now, "R2")).purged).toBe(1);
});

test("a file that the kernel holds immutable is not deleted, and the report does not say that it was", async (context) => {
  await writeNights(at.path, 32, "2026-11-22");
  const victim = join(at.path, "shop-2026-10-22T0200Z.sql.gz");
  try {
    await exec("chattr", ["+i", victim]);
  } catch {
    context.skip("this file system or account cannot make files immutable");
  }
  try {
    const result = await purge();
    expect(codes(result)).toEqual(["shop-2026-10-22T0200Z.sql.gz BACKUP_NOT_DELETED"]);
    expect(result.purged).toBe(1);
  } finally {
    await exec("chattr", ["-i", victim]);
  }
});

test("a purged set that somebody puts back is listed again and purged again", async () => {
  const [first = ""] = await writeNights(at.path, 31, "2026-11-22");
  expect((await purge(now, "R1")).purged).toBe(1);
  await writeSet(at.path, first, goodGzip("2026-10-23"), "2026-10-23T02:10:00Z");
  expect((await purge(now, "R2")).purged).toBe(1);
  expect(await at.entries("backup.purged")).toHaveLength(2);
});

test("a set of the same name and age with other bytes is hashed again and is another set", async () => {
  await writeSet(at.path, "latest.sql", plainDump("one"), "2026-11-21T02:00:00Z");
  await purge("2026-11-21T03:00:00Z", "R1");
  await writeSet(at.path, "latest.sql", plainDump("two"), "2026-11-22T02:00:00Z");
  const result = await purge(now, "R2");
  expect(result).toMatchObject({ purged: 0, kept: 1, exceptions: [] });
  const rows = await at.state.query<{ state: string }>("select state from lethe.backup_set order by first_seen_at");
  expect(rows.map(({ state }) => state)).toEqual(["vanished", "listed"]);
});

test("touching a set does not make it younger", async () => {
  await writeNights(at.path, 2, "2026-11-22");
  await writeSet(at.path, "undated.sql", plainDump("one"), "2026-10-01T02:00:00Z");
  await purge("2026-10-02T03:00:00Z", "R1");
  await setModified(at.path, "undated.sql", "2026-11-21T02:00:00Z");
  const result = await purge(now, "R2");
  expect(codes(result)).toEqual(["undated.sql BACKUP_DATE_DISPUTED"]);
  expect(result.oldest).toBe("2026-10-01T02:00:00Z");
});

test("the repository may be gone altogether in the middle: nothing is claimed, the next run finishes", async () => {
  await writeNights(at.path, 32, "2026-11-22");
  const real = openRepository(at.backup, "Europe/Berlin");
  const away = `${at.path}-away`;
  const failing: Repository = {
    ...real,
    remove: async (set) => {
      const removal = await real.remove(set);
      if (set.name.includes("10-23")) {
        await rename(at.path, away);
        await mkdir(at.path);
      }
      return removal;
    },
  };
  const result = await purgeRepository(at.on(now), await at.newRun("R1"), at.backup, failing);
  expect(result.purged).toBe(0);
  await rm(at.path, { recursive: true });
  await rename(away, at.path);
  expect((await purge(now, "R2")).purged).toBe(2);
  expect(await at.entries("backup.purged")).toHaveLength(2);
});

test("sets are removed several at a time where the storage takes that, but never those that need each other", async () => {
  const names = await writeNights(at.path, 40, "2026-11-22");
  const real = openRepository(at.backup, "Europe/Berlin");
  const mostAtOnce = async (id: string, needsOf: (name: string) => readonly string[]): Promise<number> => {
    let atWork = 0;
    let most = 0;
    const busy: Repository = {
      ...real,
      atOnce: 4,
      inventory: async (known) => {
        const found = await real.inventory(known);
        return { ...found, sets: found.sets.map((set) => ({ ...set, needs: needsOf(set.name) })) };
      },
      remove: async () => {
        most = Math.max(most, (atWork += 1));
        // Long enough for the others to have asked after legal holds.
        await new Promise((settle) => setTimeout(settle, 50));
        atWork -= 1;
        return "refused";
      },
    };
    const result = await purgeRepository(at.on(now), await at.newRun(id), at.backup, busy);
    expect(result.exceptions).toHaveLength(10);
    return most;
  };
  expect(await mostAtOnce("R1", () => [])).toBe(4);
  expect(await mostAtOnce("R2", (name) => (name === names[3] ? [names[2] ?? ""] : []))).toBe(1);
});

test("a side-car that nobody writes to holds no night up, and vouches for nothing", async () => {
  await writeNights(at.path, 32, "2026-11-22");
  await exec("mkfifo", [join(at.path, "shop-2026-11-22T0200Z.sql.gz.sha256")]);
  const result = await purge();
  expect(result.purged).toBe(0);
  expect(codes(result)).toContain("shop-2026-11-22T0200Z.sql.gz BACKUP_CHECKSUM");
});

test("times that no calendar has stop no night", async ({ skip }) => {
  await writeNights(at.path, 32, "2026-11-22");
  const wal = join(at.directory, "wal");
  await mkdir(wal);
  for (const [path, seconds] of [
    [join(at.path, "shop-2026-11-20T0200Z.sql.gz"), "900000000000"],
    [join(at.path, "shop-2026-11-19T0200Z.sql.gz"), "-900000000000"],
    [join(wal, "000000010000000000000001"), "900000000000000"],
  ] as const) {
    if (path.startsWith(wal)) await writeFile(path, "");
    await exec("touch", ["-d", `@${seconds}`, path]);
    const { mtimeNs } = await stat(path, { bigint: true });
    if (mtimeNs / 1_000_000_000n !== BigInt(seconds)) skip("this file system keeps no such times");
  }
  const context = at.on(now);
  const backups = [{ ...at.backup, wal }];
  const [result] = await purgeBackups({ ...context, config: { ...context.config, backups } }, await at.newRun("R1"));
  expect(result?.purged).toBe(2);
  expect(result?.exceptions.map(({ name, code }) => `${name} ${code}`)).toEqual([
    "shop-2026-11-19T0200Z.sql.gz BACKUP_DATE_DISPUTED",
    "shop-2026-11-20T0200Z.sql.gz BACKUP_DATE_DISPUTED",
  ]);
});
