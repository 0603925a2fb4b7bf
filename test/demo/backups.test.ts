import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directoryRepository } from "#backups/directory/repository.ts";
import { writeBackups } from "#demo/backups.ts";
import { calendar } from "#demo/calendar.ts";
import { generateCompany } from "#demo/generate.ts";
import { loadCompany } from "#demo/load.ts";
import { fixedClock } from "#lib/clock.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

const days = calendar(fixedClock("2026-11-22T10:00:00Z"), "Europe/Berlin");
let database: TestDatabase;
let directory: string;

beforeAll(async () => {
  database = await createDatabase();
  await loadCompany(database.pool, generateCompany({ seed: 7, customers: 60, days }), days);
  directory = await mkdtemp(join(tmpdir(), "lethe-demo-backups-"));
  await writeBackups(database.pool, directory, 45, days);
});
afterAll(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});

describe("the sample backups", () => {
  it("are found as 45 sets of 45 nights, each with a side-car that vouches for it", async () => {
    const repository = directoryRepository(
      { name: "nightly", kind: "directory", store: "shop", path: directory, keepDays: 30 },
      "Europe/Berlin",
    );
    const { sets, oddities } = await repository.inventory(new Map());
    expect(oddities).toEqual([]);
    expect(sets.length).toBe(45);
    expect(new Set(sets.map(({ sideCar }) => sideCar))).toEqual(new Set(["match"]));
    expect(
      sets
        .map(({ modified }) => modified.toString())
        .toSorted()
        .at(-1),
    ).toBe("2026-11-21T01:30:00Z");
    for (const set of sets.slice(0, 2)) expect(await repository.verifyRestorable(set)).toBe(undefined);
  });

  it("are plain SQL that brings the main tables back", async () => {
    const [first = ""] = (await readdir(directory)).filter((name) => name.endsWith(".gz"));
    const text = gunzipSync(await readFile(join(directory, first))).toString("utf8");
    const statements = text.replaceAll(/^copy [\s\S]*?^\\\.$/gm, "");
    const restored = await createDatabase(statements);
    await restored.drop();
    const customers = /^copy public\.customers [^\n]*\n([\s\S]*?)^\\\.$/m.exec(text)?.[1]?.trimEnd().split("\n");
    expect(customers?.length).toBe(60);
  });
});
