import {
  appendFile,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { directoryRepository } from "#backups/directory/repository.ts";
import type { BackupCode, BackupSet, Inventory, Repository } from "#backups/repository.ts";
import { sha256Hex } from "#lib/canonical.ts";
import { startCluster, type Cluster } from "#test/backups/directory/cluster.ts";
import { run as exec } from "#test/backups/repository-files.ts";
import { debianBinaries, debianMissing } from "#test/flow/debian-server.ts";

describe.skipIf(debianMissing !== undefined)("a base backup in a directory", () => {
  let cluster: Cluster;
  let path: string;
  let repository: Repository;
  const open = (wal?: string): Repository =>
    directoryRepository({ name: "barn", kind: "directory", store: "shop", path, wal, keepDays: 30 }, "UTC");

  beforeAll(async () => {
    cluster = await startCluster(debianBinaries ?? "");
    await cluster.query("create table people as select n, 'person-' || n as name from generate_series(1, 5000) n");
    const of = (name: string, ...args: string[]) => cluster.backup(name, { args });
    await of("plain");
    for (const algorithm of ["SHA224", "SHA256", "SHA384", "SHA512", "NONE"])
      await of(algorithm, `--manifest-checksums=${algorithm}`);
    await of("recovering", "-R");
    await of("no-log", "-X", "none");
    await of("tar", "-Ft");
    await of("packed", "-Ft", "-z", "-X", "fetch");
    await of("packed-no-log", "-Ft", "-z", "-X", "none");
    await cluster.archive();
  });
  afterAll(() => cluster.dispose());
  beforeEach(async () => {
    path = join(cluster.path, "../scratch");
    await mkdir(path);
    repository = open();
  });
  afterEach(() => rm(path, { recursive: true }));

  const at = (...names: string[]): string => join(path, ...names);
  /** A copy, of which a test breaks something. */
  const copy = async (name: string): Promise<string> => {
    await exec("cp", ["-a", join(cluster.path, name), at(name)]);
    return at(name);
  };
  const onlySet = async (): Promise<BackupSet> => {
    const { sets } = await repository.inventory(new Map());
    const [set] = sets;
    if (set === undefined || sets.length > 1) throw new Error(`${sets.length} sets`);
    return set;
  };
  const verdict = async (): Promise<BackupCode | "good"> =>
    (await repository.verifyRestorable(await onlySet())) ?? "good";
  const codes = ({ oddities }: Inventory): string[] => oddities.map(({ name, code }) => `${name} ${code}`);

  test("is one set: its manifest's digest, the time at which the server began to send, the bytes of all its files", async () => {
    await copy("plain");
    const manifest = await readFile(at("plain", "backup_manifest"));
    const set = await onlySet();
    const [, said] = /"backup_label".*?"Last-Modified": "([^"]+) GMT"/.exec(manifest.toString()) ?? [];
    expect(set).toMatchObject({ name: "plain", sha256: sha256Hex(manifest), sideCar: "match", needs: [] });
    expect(set.taken.toString()).toBe(`${said?.replace(" ", "T")}Z`);
    expect(set.restores.equals(set.modified)).toBe(true);
    expect(set.bytes).toBeGreaterThan(16 << 20);
    await rename(at("plain"), at("base-20260102"));
    expect((await onlySet()).taken.toString()).toBe("2026-01-02T00:00:00Z");
  });

  test.each(["plain", "SHA224", "SHA256", "SHA384", "SHA512", "recovering", "tar", "packed"])(
    "made as %s is good, and not once a byte in it changed",
    async (name) => {
      const directory = await copy(name);
      expect(await verdict()).toBe("good");
      const file = (await readdir(directory)).includes("base")
        ? "global/pg_control"
        : `base.tar${name === "packed" ? ".gz" : ""}`;
      const bytes = await readFile(join(directory, file));
      bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
      await writeFile(join(directory, file), bytes);
      expect(["BACKUP_CHECKSUM", "BACKUP_NOT_RESTORABLE"]).toContain(await verdict());
    },
  );

  test.each<[what: string, of: string, change: (directory: string) => Promise<void>, code: BackupCode]>([
    ["a file is missing", "plain", (base) => unlink(join(base, "global/pg_filenode.map")), "BACKUP_NOT_RESTORABLE"],
    ["many files are missing", "plain", (base) => rm(join(base, "base"), { recursive: true }), "BACKUP_NOT_RESTORABLE"],
    ["a file is shorter", "plain", (base) => truncate(join(base, "global/pg_control"), 8000), "BACKUP_NOT_RESTORABLE"],
    ["a file is beside them", "plain", (base) => writeFile(join(base, "base/notes"), "x"), "BACKUP_NOT_RESTORABLE"],
    ["an archive is beside them", "tar", (base) => writeFile(join(base, "notes.tar"), "x"), "BACKUP_NOT_RESTORABLE"],
    ["an archive is cut off", "tar", (base) => truncate(join(base, "base.tar"), 9_000_000), "BACKUP_NOT_RESTORABLE"],
    ["an archive lacks its end", "packed", (base) => shorten(join(base, "base.tar.gz"), 4), "BACKUP_NOT_RESTORABLE"],
    ["an archive is missing", "tar", (base) => unlink(join(base, "base.tar")), "BACKUP_NOT_RESTORABLE"],
    [
      "a server was started on it",
      "plain",
      (base) => writeFile(join(base, "postmaster.pid"), "1"),
      "BACKUP_NOT_RESTORABLE",
    ],
    ["its log is missing", "plain", (base) => rm(join(base, "pg_wal"), { recursive: true }), "BACKUP_NOT_RESTORABLE"],
    ["its log is missing", "tar", (base) => unlink(join(base, "pg_wal.tar")), "BACKUP_NOT_RESTORABLE"],
    ["a record of its log is wrong", "plain", (base) => spoilLog(join(base, "pg_wal")), "BACKUP_NOT_RESTORABLE"],
    ["its manifest is cut off", "plain", (base) => shorten(join(base, "backup_manifest"), 1), "BACKUP_CHECKSUM"],
    ["its manifest is cut off", "plain", (base) => shorten(join(base, "backup_manifest"), 40_000), "BACKUP_CHECKSUM"],
    ["its manifest is empty", "plain", (base) => truncate(join(base, "backup_manifest")), "BACKUP_CHECKSUM"],
    [
      "its manifest names another size",
      "plain",
      (base) => replace(base, '"Size": 8192', '"Size": 8193'),
      "BACKUP_CHECKSUM",
    ],
  ])("is not good when %s (%s)", async (_, of, change, code) => {
    await change(await copy(of));
    expect(await verdict()).toBe(code);
  });

  test("without checksums of its files is vouched for by nobody", async () => {
    await copy("NONE");
    expect(await verdict()).toBe("BACKUP_NOT_RESTORABLE");
  });

  test.each(["no-log", "packed-no-log"])(
    "made as %s is good with the archive of the log, and only with that",
    async (name) => {
      await copy(name);
      expect(await verdict()).toBe("BACKUP_NOT_RESTORABLE");
      repository = open(cluster.wal);
      expect(await verdict()).toBe("good");
      const packed = at(".packed");
      await exec("cp", ["-a", cluster.wal, packed]);
      await exec("gzip", ["-r", packed]);
      repository = open(packed);
      expect(await verdict()).toBe("good");
      // The records that are needed stand at its beginning.
      for (const segment of await readdir(packed)) await shorten(join(packed, segment), 4);
      expect(await verdict()).toBe("BACKUP_NOT_RESTORABLE");
      await exec("rm", ["-r", packed]);
      await exec("cp", ["-a", cluster.wal, packed]);
      for (const segment of await readdir(packed)) await truncate(join(packed, segment), 8 << 20);
      expect(await verdict()).toBe("BACKUP_NOT_RESTORABLE");
    },
  );

  test("with a truncated manifest is named every night, also when it is not the newest", async () => {
    await copy("plain");
    await shorten(at("plain", "backup_manifest"), 40_000);
    const { sets, oddities } = await repository.inventory(new Map());
    expect(sets).toMatchObject([{ name: "plain", sideCar: "mismatch" }]);
    expect(oddities).toEqual([]);
  });

  test("that is being made is an unfinished set, and nobody restores from it", async () => {
    await copy("plain");
    await rename(at("plain", "backup_manifest"), at("plain", "backup_manifest.tmp"));
    await copy("tar");
    await unlink(at("tar", "backup_manifest"));
    await mkdir(at("other"));
    const inventory = await repository.inventory(new Map());
    expect(inventory.sets).toMatchObject(["plain", "tar"].map((name) => ({ name, unfinished: true })));
    expect(inventory.sets[0]?.sha256).toBe(sha256Hex(await readFile(at("plain", "backup_label"))));
    for (const set of inventory.sets) expect(await repository.verifyRestorable(set)).toBe("BACKUP_PARTIAL");
    expect(codes(inventory)).toEqual(["other BACKUP_FOREIGN"]);
  });

  test.each(["postmaster.pid", "postmaster.opts", "recovery.signal", "standby.signal"])(
    "without its manifest, on which a server was started or is to be (%s), is named and never deleted",
    async (trace) => {
      await copy("plain");
      await unlink(at("plain", "backup_manifest"));
      const [set] = (await repository.inventory(new Map())).sets;
      await writeFile(at("plain", trace), "");
      expect(set && (await repository.remove(set))).toBe("changed");
      const inventory = await repository.inventory(new Map());
      expect(inventory.sets).toEqual([]);
      expect(codes(inventory)).toEqual(["plain BACKUP_PARTIAL"]);
      expect(await readdir(at("plain"))).toContain("PG_VERSION");
    },
  );

  test("is removed as a whole, as it was inventoried, and then is gone", async () => {
    await copy("plain");
    const set = await onlySet();
    await appendFile(at("plain", "base/1/pg_filenode.map"), "x");
    expect(await repository.remove(set)).toBe("changed");
    const again = await onlySet();
    expect(await repository.present(again)).toBe(true);
    expect(await repository.remove(again)).toBe("removed");
    expect(await readdir(path)).toEqual([]);
    expect(await repository.present(again)).toBe(false);
    expect(await repository.remove(again)).toBe("vanished");
  });

  test("is not removed when another took its place, or a server was started on it", async () => {
    await copy("plain");
    const set = await onlySet();
    await rm(at("plain"), { recursive: true });
    await exec("cp", ["-a", join(cluster.path, "SHA256"), at("plain")]);
    expect(await repository.remove(set)).toBe("changed");
    for (const trace of ["postmaster.pid", "postmaster.opts"]) {
      await writeFile(at("plain", trace), "1");
      expect(await repository.remove(await onlySet())).toBe("refused");
      await unlink(at("plain", trace));
    }
    await rm(at("plain"), { recursive: true });
    await writeFile(at("plain"), "a file");
    expect(await repository.remove(set)).toBe("changed");
    await rm(at("plain"));
    await symlink(join(cluster.path, "SHA256"), at("plain"));
    expect(await repository.remove(set)).toBe("changed");
    expect(await readdir(join(cluster.path, "SHA256"))).toContain("backup_manifest");
  });

  test("in whose place a link lies is no set", async () => {
    await symlink(join(cluster.path, "plain"), at("plain"));
    const inventory = await repository.inventory(new Map());
    expect(inventory.sets).toEqual([]);
    expect(codes(inventory)).toEqual(["plain BACKUP_FOREIGN"]);
  });

  test("with a tablespace elsewhere is named, not good, and stays; in tar format it is whole", async () => {
    const elsewhere = at("../tablespace");
    await mkdir(elsewhere);
    await chownLike(cluster.path, elsewhere);
    await cluster.query(`create tablespace far location '${elsewhere}'`);
    await cluster.query("create table distant tablespace far as select 1 as one");
    await cluster.backup("far", { args: ["-T", `${elsewhere}=${elsewhere}-copy`] });
    await cluster.backup("far-tar", { args: ["-Ft"] });
    await cluster.query("drop table distant");
    await cluster.query("drop tablespace far");
    await rename(join(cluster.path, "far"), at("far"));
    const inventory = await repository.inventory(new Map());
    expect(codes(inventory)).toEqual([expect.stringMatching(/^far\/pg_tblspc\/\d+ BACKUP_ELSEWHERE$/)]);
    expect(await verdict()).toBe("BACKUP_ELSEWHERE");
    expect(await repository.remove(await onlySet())).toBe("refused");
    expect(await readdir(at("far"))).toContain("backup_manifest");
    expect(await readdir(`${elsewhere}-copy`)).not.toEqual([]);
    await rm(at("far"), { recursive: true });
    await rename(join(cluster.path, "far-tar"), at("far-tar"));
    expect(await verdict()).toBe("good");
    const [tablespace = ""] = (await readdir(at("far-tar"))).filter((name) => /^\d+\.tar$/.test(name));
    await unlink(at("far-tar", tablespace));
    expect(await verdict()).toBe("BACKUP_NOT_RESTORABLE");
  });

  test("that leads out of its directory by its manifest is not read there", async () => {
    const base = await copy("plain");
    await writeFile(at("outside"), "secret");
    const manifest = (await readFile(join(base, "backup_manifest"), "utf8")).replace(
      /"Path": "PG_VERSION"/,
      '"Path": "../outside"',
    );
    const body = manifest.slice(0, manifest.lastIndexOf('"Manifest-Checksum"'));
    await writeFile(join(base, "backup_manifest"), `${body}"Manifest-Checksum": "${sha256Hex(Buffer.from(body))}"}\n`);
    await unlink(at("outside"));
    expect(await verdict()).toBe("BACKUP_NOT_RESTORABLE");
  });
});

const shorten = async (path: string, by: number): Promise<void> => truncate(path, (await stat(path)).size - by);

const replace = async (base: string, from: string, to: string): Promise<void> => {
  const path = join(base, "backup_manifest");
  await writeFile(path, (await readFile(path, "utf8")).replace(from, to));
};

/** Changes one bit in the header of the first record of the first segment. */
const spoilLog = async (directory: string): Promise<void> => {
  const [first = ""] = (await readdir(directory)).filter((name) => name.length === 24).toSorted();
  const bytes = await readFile(join(directory, first));
  bytes.writeUInt8(bytes.readUInt8(44) ^ 4, 44);
  await writeFile(join(directory, first), bytes);
};

const chownLike = async (like: string, path: string): Promise<void> => {
  const { uid, gid } = await stat(like);
  await chown(path, uid, gid);
};
