import { mkdir, rename, truncate, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { goodGzip, writeSet } from "#test/backups/repository-files.ts";
import type { Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

let project: Project;
let dumps: string;
const night = (day: string): Promise<Ended> =>
  letheHere(["run", "backups", "--now", `2026-11-${day}T03:00:00Z`], { cwd: project.directory });
const dump = (day: string): Promise<void> => writeSet(dumps, `shop-${day}.sql.gz`, goodGzip(day), `${day}T02:00:00Z`);

beforeEach(async () => {
  project = await createProject({
    schema: "create table customers (id int primary key, email text)",
    policy: `{ policy: shop, version: 1, effective: 2026-01-01, owner: dpo@shop.example,
      subject: { table: customers, key: id, identifiers: { email: email } }, tables: { customers: { treatment: erase } } }`,
    sections: { backups: { dumps: { kind: "directory", store: "shop", path: "backups", keep_days: 30 } } },
  });
  dumps = join(project.directory, "backups");
  await mkdir(dumps);
  await dump("2026-10-10");
  await dump("2026-11-01");
});
afterEach(() => project.dispose());

test("a night whose backups are as they should be ends with 0, whatever it notices beside them", async () => {
  await mkdir(join(dumps, "notes"));
  await utimes(join(dumps, "notes"), 0, 0);
  const ended = await night("02");
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining("! 1 exception: lethe backups check") });
});

test("one that may delete nothing more because the newest is broken asks for a person, before the retention is broken and after", async () => {
  await truncate(join(dumps, "shop-2026-11-01.sql.gz"), 20);
  for (const day of ["02", "20"]) expect(await night(day)).toMatchObject({ code: 5 });
});

test("so does one that does not find the backups where they were", async () => {
  await night("02");
  await rename(dumps, `${dumps}-of-before`);
  expect(await night("03")).toMatchObject({ code: 5 });
  // As a disk that is not mounted.
  await mkdir(dumps);
  expect(await night("04")).toMatchObject({ code: 5 });
});
