import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { foundIn } from "#backups/found-in.ts";

let place: string;
const files = (): string => join(place, "files");
const data = (): string => join(place, "data");
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "lethe-found-"));
  for (const path of [files(), data()]) await mkdir(path);
});
afterEach(() => rm(place, { recursive: true }));

const write = async (path: string): Promise<void> => {
  await mkdir(join(files(), path, ".."), { recursive: true });
  await writeFile(join(files(), path), "x");
};

test("a data directory is found wherever it lay, and moved into its place", async () => {
  await write("srv/pg/15/main/global/pg_control");
  await write("srv/pg/15/main/PG_VERSION");
  expect(await foundIn(files(), data())).toEqual({ kind: "cluster", data: data() });
  expect(await readFile(join(data(), "PG_VERSION"), "utf8")).toBe("x");
});

test("one dump is found beside its side-car", async () => {
  await write("var/dumps/shop.sql.gz");
  await write("var/dumps/shop.sql.gz.sha256");
  expect(await foundIn(files(), data())).toEqual({ kind: "dump", file: join(files(), "var/dumps/shop.sql.gz") });
});

test("of two data directories, of several dumps and of nothing nobody can tell what to try", async () => {
  await expect(foundIn(files(), data())).rejects.toMatchObject({ code: "DRILL_IMPOSSIBLE" });
  for (const name of ["a.dump", "b.dump"]) await write(name);
  await expect(foundIn(files(), data())).rejects.toMatchObject({ code: "DRILL_IMPOSSIBLE" });
  for (const name of ["a", "b"]) await write(`${name}/global/pg_control`);
  await expect(foundIn(files(), data())).rejects.toMatchObject({ code: "DRILL_IMPOSSIBLE" });
});
