import { appendFile, mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { directoryRepository } from "#backups/directory/repository.ts";
import { byName, type BackupCode, type BackupSet, type Repository } from "#backups/repository.ts";
import { customDump } from "#test/backups/custom-dumps.ts";
import { goodGzip, plainDump, run, setModified, writeSet, writeSideCar } from "#test/backups/repository-files.ts";

let path: string;
let repository: Repository;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "lethe-backups-"));
  repository = directoryRepository({ name: "nightly", kind: "directory", store: "shop", path, keepDays: 30 }, "UTC");
});
afterEach(() => rm(path, { recursive: true }));

const modified = "2026-11-01T02:00:00Z";
const onlySet = async (): Promise<BackupSet> => {
  const { sets } = await repository.inventory(new Map());
  const [set] = sets;
  if (set === undefined) throw new Error("nothing listed");
  return set;
};
const verdict = async (content: string | Uint8Array, name = "a.dump"): Promise<BackupCode | "good"> => {
  await writeSet(path, name, content, modified);
  return (await repository.verifyRestorable(await onlySet())) ?? "good";
};

const long = plainDump("x\n".repeat(200_000));
const cut = (content: Uint8Array, by: number): Uint8Array => content.subarray(0, content.length - by);

test("complete dumps are good: plain, compressed, custom format", async () => {
  expect(await verdict(plainDump("a"))).toBe("good");
  expect(await verdict(goodGzip("a"))).toBe("good");
  expect(await verdict(zstdCompressSync(long))).toBe("good");
  expect(await verdict(gzipSync(Buffer.alloc(100_000, "x")))).toBe("good");
  expect(await verdict(customDump(2))).toBe("good");
});

test("the newer pg_dump's closing \\unrestrict line does not hide the completion line", async () => {
  expect(
    await verdict(
      `--\n-- PostgreSQL database dump\n--\n\n\\restrict k\n\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict k\n\n`,
    ),
  ).toBe("good");
});

test("dumps that were cut off are not", async () => {
  const broken = "BACKUP_NOT_RESTORABLE";
  expect(await verdict("")).toBe(broken);
  expect(await verdict(cut(Buffer.from(long), 60))).toBe(broken);
  expect(await verdict(cut(gzipSync(long), 8))).toBe(broken);
  expect(await verdict(cut(zstdCompressSync(long), 8))).toBe(broken);
  expect(await verdict(gzipSync(""))).toBe(broken);
});

test("a whole gzip around half a dump is not good: pg_dump died in front of a living gzip", async () => {
  expect(await verdict(gzipSync(cut(Buffer.from(long), 60)))).toBe("BACKUP_NOT_RESTORABLE");
});

test("every cut through a compressed dump is found", async () => {
  const whole = goodGzip("a");
  for (let length = 1; length < whole.length; length += 1) {
    expect(await verdict(whole.subarray(0, length))).not.toBe("good");
  }
});

test("an unknown format is as good as its side-car", async () => {
  expect(await verdict("some archive")).toBe("BACKUP_NOT_RESTORABLE");
  await writeSideCar(path, "a.dump");
  expect(await repository.verifyRestorable(await onlySet())).toBeUndefined();
});

test("a side-car as sha256sum itself writes it is understood, for awkward names too", async () => {
  await writeSet(path, "a b\n.dump", "some archive", modified);
  const { stdout } = await run("sha256sum", ["a b\n.dump"], { cwd: path });
  await writeFile(join(path, "a b\n.dump.sha256"), stdout);
  expect((await onlySet()).sideCar).toBe("match");
});

test("bytes that changed behind an unchanged size and time are found when the set is verified", async () => {
  await writeSet(path, "a.dump", plainDump("a".repeat(50)), modified);
  const known = (await repository.inventory(new Map())).sets.map((set) => ({ ...set, rehash: false }));
  await writeSet(path, "a.dump", plainDump("b".repeat(50)), modified);
  const [set] = (await repository.inventory(byName(known))).sets;
  expect(set && (await repository.verifyRestorable(set))).toBe("BACKUP_CHECKSUM");
});

test("what did not change since the last inventory is not read again; condemned sets are", async () => {
  await writeSet(path, "a.dump", "aaaa", modified);
  const known = (await repository.inventory(new Map())).sets;
  await writeSet(path, "a.dump", "bbbb", modified);
  const again = async (rehash: boolean) =>
    (await repository.inventory(byName(known.map((set) => ({ ...set, rehash }))))).sets[0]?.sha256;
  expect(await again(false)).toBe(known[0]?.sha256);
  expect(await again(true)).not.toBe(known[0]?.sha256);
});

test("a set is removed only as it was inventoried", async () => {
  await writeSet(path, "a.dump", "aaaa", modified);
  const set = await onlySet();
  await appendFile(join(path, "a.dump"), "more");
  expect(await repository.remove(set)).toBe("changed");
  expect(await readFile(join(path, "a.dump"), "utf8")).toBe("aaaamore");
  await writeSet(path, "a.dump", "aaaa", modified);
  expect(await repository.remove(set)).toBe("removed");
  expect(await repository.present(set)).toBe(false);
  expect(await repository.remove(set)).toBe("vanished");
});

test("an undated file that was begun hours before it was finished counts from its beginning", async () => {
  const file = join(path, "latest.dump");
  await writeFile(file, plainDump("a"));
  const { birthtimeMs } = await stat(file);
  const seconds = birthtimeMs / 1_000;
  await utimes(file, seconds + 3_600, seconds + 3_600);
  const set = await onlySet();
  expect(set.modified.since(set.taken).total("minutes")).toBeCloseTo(60, 1);
  await utimes(file, seconds + 50_000, seconds + 50_000);
  const rewritten = await onlySet();
  expect(rewritten.taken.equals(rewritten.modified)).toBe(true);
});

test("a directory that is none is BACKUPS_UNREADABLE", async () => {
  const file = join(path, "file");
  await writeFile(file, "");
  const wrong = directoryRepository({ name: "n", kind: "directory", store: "s", path: file, keepDays: 30 }, "UTC");
  await expect(wrong.inventory(new Map())).rejects.toMatchObject({ code: "BACKUPS_UNREADABLE" });
});

test("names that are not UTF-8 are named as foreign and do not stop the inventory", async (context) => {
  try {
    await writeFile(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0x61, 0xff, 0x62])]), "x");
  } catch {
    context.skip("this file system has no such names");
  }
  await writeSet(path, "a.dump", "aaaa", modified);
  await setModified(path, "a.dump", modified);
  const { sets, oddities } = await repository.inventory(new Map());
  expect(sets.map(({ name }) => name)).toEqual(["a.dump"]);
  expect(oddities.map(({ code }) => code)).toEqual(["BACKUP_FOREIGN"]);
});
