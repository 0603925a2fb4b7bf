import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isPastUse, listLog } from "#backups/directory/log-archive.ts";
import { directoryRepository } from "#backups/directory/repository.ts";
import { byName, type KnownSet, type Repository } from "#backups/repository.ts";
import { goodGzip, setModified, writeSet } from "#test/backups/repository-files.ts";
import { debianBinaries } from "#test/flow/debian-server.ts";

const now = Temporal.Instant.from("2026-11-22T03:00:00Z");

let directory: string;
let wal: string;
let repository: Repository;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-log-"));
  const path = join(directory, "backups");
  wal = join(path, "wal");
  await mkdir(wal, { recursive: true });
  repository = directoryRepository({ name: "n", kind: "directory", store: "s", path, wal, keepDays: 30 }, "UTC");
});
afterEach(() => rm(directory, { recursive: true }));

const segment = async (name: string, modified: string): Promise<void> => {
  await writeFile(join(wal, name), "");
  await setModified(wal, name, modified);
};
const names = async (): Promise<string[]> => (await readdir(wal)).toSorted();
const [old, young] = ["000000010000000000000001", "000000010000000000000002"] as const;
const history = ["00000002.history", "000000010000000000000001.00000028.backup"];

describe("an archive of the log", () => {
  beforeEach(async () => {
    await segment(old, "2026-10-01T00:00:00Z");
    await segment(young, "2026-11-01T00:00:00Z");
    for (const name of history) await segment(name, "2026-10-01T00:00:00Z");
  });

  test("in the directory of the backups is no set and no oddity, and goes back to its oldest segment", async () => {
    const { sets, oddities, logs } = await repository.inventory(new Map());
    expect(sets).toEqual([]);
    expect(oddities).toEqual([]);
    expect(logs.map(({ name, since }) => [name, since.toString()])).toEqual([["wal", "2026-10-01T00:00:00Z"]]);
  });

  test("without a base backup loses what is past its time: nothing can use it", async () => {
    await writeSet(join(wal, ".."), "a.sql.gz", goodGzip("a"), "2026-11-21T00:00:00Z");
    await repository.inventory(new Map());
    expect(await repository.finish?.({ now, onlyHeld: new Set() })).toBe(true);
    expect(await names()).toEqual([...history, young].toSorted());
  });

  test.each([
    ["nothing", async () => undefined],
    ["a dump that was begun there since", () => writeFile(join(wal, "../a.sql.partial"), "a")],
  ])(
    "loses nothing when the backups that were known are gone, as when a disk is not mounted: %s is there",
    async (_, put) => {
      await put();
      const at = Temporal.Instant.from("2026-09-01T00:00:00Z");
      const known: KnownSet = {
        name: "base",
        sha256: "0".repeat(64),
        bytes: 1,
        taken: at,
        modified: at,
        rehash: false,
      };
      await repository.inventory(byName([known]));
      expect(await repository.finish?.({ now, onlyHeld: new Set() })).toBe(true);
      expect(await names()).toContain(old);
    },
  );

  test.each(["backup_manifest", "backup_manifest.tmp"])(
    "loses nothing while a base backup does not tell from where on it needs the log (%s)",
    async (file) => {
      await mkdir(join(wal, "../base"));
      await writeFile(join(wal, "../base", file), "");
      await repository.inventory(new Map());
      expect(await repository.finish?.({ now, onlyHeld: new Set() })).toBe(true);
      expect(await names()).toContain(old);
    },
  );

  test("loses nothing while a directory cannot be read, which may be a base backup", async () => {
    await mkdir(join(wal, "../base"));
    await symlink("elsewhere", join(wal, "../base/backup_manifest"));
    const { oddities } = await repository.inventory(new Map());
    expect(oddities).toMatchObject([{ name: "base", code: "BACKUP_UNREADABLE" }]);
    expect(await repository.finish?.({ now, onlyHeld: new Set() })).toBe(true);
    expect(await names()).toContain(old);
  });

  test("keeps what a base backup needs that is being made, and not what is before it", async () => {
    await mkdir(join(wal, "../base"));
    const label = `START WAL LOCATION: 0/2000028 (file ${young})\nSTART TIME: 2026-11-22 02:59:00 UTC\nSTART TIMELINE: 1\n`;
    await writeFile(join(wal, "../base/backup_label"), label);
    await repository.inventory(new Map());
    expect(await repository.finish?.({ now, onlyHeld: new Set() })).toBe(true);
    expect(await names()).toEqual([...history, young].toSorted());
  });

  test("names what is none of it, and leaves it", async () => {
    await segment("0000000100000000000000FF.old", "2026-10-02T00:00:00Z");
    await mkdir(join(wal, "000000010000000000000003"));
    const { oddities } = await repository.inventory(new Map());
    expect(oddities.map(({ name, code }) => `${name} ${code}`)).toEqual([
      "wal/000000010000000000000003 BACKUP_FOREIGN",
      "wal/0000000100000000000000FF.old BACKUP_FOREIGN",
    ]);
    await repository.finish?.({ now, onlyHeld: new Set() });
    expect(await names()).toEqual(expect.arrayContaining(["000000010000000000000003", "0000000100000000000000FF.old"]));
  });

  test("loses segments that nobody finished copying, but none that is being copied; nobody recovers with one", async () => {
    const [third, fourth] = ["000000010000000000000003.tmp", "000000010000000000000000.gz.tmp"];
    await segment(`${old}.tmp`, "2026-09-30T00:00:00Z");
    await segment(third, "2026-11-22T02:59:00Z");
    await segment(fourth, "2026-11-22T02:59:00Z");
    await mkdir(join(wal, "../base"));
    const label = `START WAL LOCATION: 0/2000028 (file ${young})\nSTART TIME: 2026-11-01 00:00:00 UTC\nSTART TIMELINE: 1\n`;
    await writeFile(join(wal, "../base/backup_label"), label);
    const { logs, oddities } = await repository.inventory(new Map());
    expect(oddities).toEqual([]);
    expect(logs.map(({ since }) => since.toString())).toEqual(["2026-09-30T00:00:00Z"]);
    expect(await repository.finish?.({ now, onlyHeld: new Set() })).toBe(true);
    expect(await names()).toEqual([...history, young, third, fourth].toSorted());
  });

  test("that is the log of a server itself is refused, and so is one that is not there", async () => {
    await mkdir(join(wal, "archive_status"));
    await expect(repository.inventory(new Map())).rejects.toMatchObject({ code: "BACKUPS_UNREADABLE" });
    await rm(wal, { recursive: true });
    await expect(repository.inventory(new Map())).rejects.toMatchObject({ code: "BACKUPS_UNREADABLE" });
  });
});

const cleanup = join(debianBinaries ?? "", "pg_archivecleanup");

test.skipIf(!existsSync(cleanup))(
  "what is before a base backup is what pg_archivecleanup would delete, whatever the names",
  async () => {
    const hex = (digits: number) =>
      fc.integer({ min: 0, max: 16 ** digits - 1 }).map((n) => n.toString(16).toUpperCase().padStart(digits, "0"));
    // Few places, so that many are the same, and near each other.
    const segmentName = fc
      .tuple(
        fc.constantFrom("00000001", "00000002", "0000000A"),
        fc.constantFrom("00000000", "00000001", "000000FF"),
        hex(1).map((digit) => `0000000${digit}`),
      )
      .map((parts) => parts.join(""));
    const ending = fc.constantFrom("", ".partial", ".00000028.backup", ".history", ".tmp");
    const file = fc.oneof(
      fc.tuple(segmentName, ending).map((parts) => parts.join("")),
      hex(8).map((n) => `${n}.history`),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(file, { maxLength: 30 }),
        segmentName,
        fc.constantFrom("", ".gz", ".zst"),
        async (files, from, packing) => {
          const archive = await mkdtemp(join(directory, "archive-"));
          for (const name of files) await writeFile(join(archive, `${name}${packing}`), "");
          const { stdout } = spawnSync(cleanup, ["-n", ...(packing === "" ? [] : ["-x", packing]), archive, from], {
            encoding: "utf8",
          });
          const theirs = stdout
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => basename(line));
          const { segments } = await listLog(archive, "n");
          const ours = segments
            .filter((each) => !each.isUnfinished && isPastUse(each, { from }))
            .map((each) => each.file);
          expect(ours.toSorted()).toEqual(theirs.toSorted());
        },
      ),
    );
  },
);
