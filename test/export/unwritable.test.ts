import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Context, Store } from "#context.ts";
import { closePool, openPool } from "#db/pool.ts";
import { parsePolicy } from "#policy/parse.ts";
import { makePerson, readExport } from "#test/export/read-export.ts";
import { openNight, policyText, withRequests, type Night } from "#test/execute/night.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

// Several nights each, in two stores.
vi.setConfig({ testTimeout: 60_000 });

let night: Night;
let crm: TestDatabase;
let context: Context;
let exports: string;
const dpo = await makePerson();
const people = ["ann", "bob", "cem"].map((name) => ({ email: `${name}@shop.example` }));

beforeEach(async () => {
  const inserted = people.map(({ email }, index) => `(${index + 1}, '${email}')`).join(", ");
  const schema = (table: string): string =>
    `create table ${table} (id int primary key, email text); insert into ${table} values ${inserted}`;
  const opened = await openNight({
    recipients: [dpo.recipient],
    // More than memory holds at once of the last of them, so that a disk is full in the middle of a file.
    schema: `${schema("customers")};
      create table visits (id int primary key, customer_id int references customers, page text);
      insert into visits select n, 3, repeat('/page-' || n, 20) from generate_series(1, 5000) n`,
    tables: "customers: { treatment: erase }\nvisits: { treatment: erase }",
    store: { batch: 1 },
  });
  crm = await createDatabase(schema("contacts"));
  const [shop] = opened.context.stores as [Store];
  const second: Store = {
    name: "crm",
    pool: openPool({ url: crm.url, applicationName: "test", label: "crm" }),
    policy: parsePolicy(
      "crm.yaml",
      policyText({
        subject: "{ table: contacts, key: id, identifiers: { email: email } }",
        tables: "contacts: { treatment: erase }",
      }),
    ),
    config: { ...shop.config, name: "crm" },
  };
  context = { ...opened.context, stores: [shop, second] };
  night = withRequests({ ...opened, context });
  exports = join(night.directory, "exports");
});
afterEach(async () => {
  for (const { name, pool } of context.stores) if (name === "crm") await closePool(pool);
  await crm.drop();
  await night.dispose();
});

const left = async () => ({
  shop: (await night.store.query<{ id: number }>("select id from customers order by id")).map(({ id }) => id),
  crm: (await crm.query<{ id: number }>("select id from contacts order by id")).map(({ id }) => id),
});
const recorded = async (): Promise<string[]> =>
  (
    await night.state.query<{ name: string }>(
      "select ref || '.' || store || '.jsonl.age' as name from lethe.export x join lethe.request r on r.id = x.request_id",
    )
  )
    .map(({ name }) => name)
    .toSorted();
const unwritable = { code: "EXPORT_UNWRITABLE", exit: 1, hint: expect.stringContaining("export.directory") };

test("a directory that is somebody's file stops the stores with nothing changed", async () => {
  await writeFile(exports, "mine");
  await night.ask(...people);
  await expect(night.nightly()).rejects.toMatchObject({
    ...unwritable,
    message: `no export can be written to ${exports}: a part of its path is a file`,
  });
  expect(await left()).toEqual({ shop: [1, 2, 3], crm: [1, 2, 3] });
  expect(await readFile(exports, "utf8")).toBe("mine");
  expect(await recorded()).toEqual([]);
  expect(await night.requests()).toMatchObject(people.map(() => ({ state: "approved" })));
  await rm(exports);
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 3 } });
  expect(await recorded()).toEqual((await readdir(exports)).toSorted());
});

test("a directory that cannot be written stops the store with nothing changed, and the others go on", async () => {
  const [ann = ""] = await night.ask(...people);
  // Somebody's directory in the place of one export.
  const taken = join(exports, `${ann}.shop.jsonl.age`);
  await mkdir(join(taken, "mine"), { recursive: true });
  await expect(night.nightly()).rejects.toMatchObject(unwritable);
  expect(await left()).toEqual({ shop: [1, 2, 3], crm: [] });
  expect(await recorded()).toHaveLength(3);
  expect(await night.requests()).toMatchObject(people.map(() => ({ state: "erasing", code: null })));
  await rm(taken, { recursive: true });
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 3 } });
  expect(await recorded()).toEqual((await readdir(exports)).toSorted());
});

test("a disk that fills up or is read-only ends the erasing where the exports end", async ({ skip }) => {
  const refs = await night.ask(...people);
  await mkdir(exports);
  const mount = (options: string): void =>
    void execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", exports], { stdio: "ignore" });
  try {
    mount("size=8k");
  } catch {
    skip("mounting a small file system is not permitted here");
  }
  try {
    // Two of them have room, whose batches are one person each.
    const full = { ...unwritable, message: `no export can be written to ${exports}: the disk is full` };
    await expect(night.nightly()).rejects.toMatchObject(full);
    expect(await left()).toEqual({ shop: [3], crm: [1, 2, 3] });
    expect(await recorded()).toEqual(
      refs
        .slice(0, 2)
        .map((ref) => `${ref}.shop.jsonl.age`)
        .toSorted(),
    );
    // Half of an export would only take room.
    expect((await readdir(exports)).toSorted()).toEqual(await recorded());
    mount("remount,size=8m,ro");
    const readOnly = { ...unwritable, message: `no export can be written to ${exports}: it is read-only` };
    await expect(night.nightly()).rejects.toMatchObject(readOnly);
    expect(await left()).toEqual({ shop: [3], crm: [1, 2, 3] });
    mount("remount,size=8m,rw");
    expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 3 } });
    expect(await recorded()).toEqual((await readdir(exports)).toSorted());
    const [, , cem = ""] = refs;
    expect(await readExport(join(exports, `${cem}.crm.jsonl.age`), dpo)).toMatchObject({
      rows: [{ table: "contacts", row: { id: 3, email: "cem@shop.example" } }],
      last: { rows: 1 },
    });
  } finally {
    execFileSync("umount", [exports]);
  }
});

test("what a run that died had not finished is removed by the next, whether or not it exports anything", async () => {
  const partial = join(exports, ".shop.partial", "0011223344556677");
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, "R-AAAA-BBBB-CCCC.shop.jsonl.age"), "age-encryption.org/v1\n");
  await writeFile(join(exports, "notes.txt"), "mine");
  await night.nightly();
  expect(await readdir(exports)).toEqual(["notes.txt"]);
});
