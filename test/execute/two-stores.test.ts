import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context, Store } from "#context.ts";
import { closePool, openPool } from "#db/pool.ts";
import { releaseRequest } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { parsePolicy } from "#policy/parse.ts";
import { openNight, policyText, withRequests, type Night } from "#test/execute/night.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let night: Night;
let crm: TestDatabase;
let shop: Store;

beforeEach(async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, ext text);
      insert into customers values (1, 'ann@shop.example', 'X-1'), (2, 'bob@shop.example', 'X-2'), (3, 'cem@shop.example', 'X-3')`,
    subject: "{ table: customers, key: id, identifiers: { email: email, external_id: ext } }",
    tables: "customers: { treatment: erase }",
    config: {},
  });
  crm = await createDatabase(`create table contacts (id int primary key, mail text, status text);
    insert into contacts values (1, 'zoe@crm.example', 'done'), (7, 'ANN@shop.example', 'done'), (8, 'bob@shop.example', 'open'), (9, 'cem@shop.example', 'done'), (10, 'cem@shop.example', 'done')`);
  [shop] = night.context.stores as [Store];
});
afterEach(async () => {
  await crm.drop();
  await night.dispose();
});

const crmPolicy = (blockers: string): string =>
  policyText({
    subject: "{ table: contacts, key: id, identifiers: { email: mail } }",
    tables: "contacts: { treatment: erase }",
    blockers,
  });
const openContacts = "- { code: CONTACT_OPEN, when: { table: contacts, status: open }, then: block }";
const elsewhere = "postgres://127.0.0.1:1/none";

const crmStore = (url = crm.url, blockers = openContacts): Store => ({
  name: "crm",
  pool: openPool({ url, applicationName: "test", label: "crm", connectTimeoutMs: 500 }),
  policy: parsePolicy("crm.yaml", crmPolicy(blockers)),
  config: { ...shop.config, name: "crm" },
});

const withStores = async <T>(
  stores: readonly Store[],
  work: (both: Night, context: Context) => Promise<T>,
): Promise<T> => {
  const context = { ...night.context, stores };
  try {
    return await work(withRequests({ ...night, context }), context);
  } finally {
    for (const store of stores) if (store !== shop) await closePool(store.pool);
  }
};

const left = async () => ({
  shop: (await night.store.query<{ id: number }>("select id from customers order by id")).map(({ id }) => id),
  crm: (await crm.query<{ id: number }>("select id from contacts order by id")).map(({ id }) => id),
});

test.each([
  ["the first store", false],
  ["the second store", true],
])("what %s tells about a person finds them in the other", async (_, reversed) => {
  const both = [shop, crmStore()];
  await withStores(reversed ? both.toReversed() : both, async (stores) => {
    const [ref] = await stores.ask({ external_id: "X-1" });
    expect(await stores.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
    expect(await left()).toEqual({ shop: [2, 3], crm: [1, 8, 9, 10] });
    expect(await stores.dispositions(ref ?? "")).toEqual(["erase contacts 1 0", "erase customers 1 0"]);
  });
});

test("a number that is a key in the first store is nobody in the second", async () => {
  await withStores([shop, crmStore()], async (stores) => {
    await stores.ask({ key: "1" });
    expect(await stores.nightly()).toMatchObject({ outcome: "done" });
    expect(await left()).toEqual({ shop: [2, 3], crm: [1, 8, 9, 10] });
  });
});

test("what one store blocks, or finds twice, is not begun in the other", async () => {
  await withStores([shop, crmStore()], async (stores) => {
    const refs = await stores.ask({ email: "bob@shop.example" }, { email: "cem@shop.example" });
    await stores.nightly();
    await stores.nightly();
    expect(await stores.requests(...refs)).toMatchObject([
      { state: "blocked", code: "CONTACT_OPEN" },
      { state: "blocked", code: "SUBJECT_AMBIGUOUS" },
    ]);
    expect(await left()).toEqual({ shop: [1, 2, 3], crm: [1, 7, 8, 9, 10] });
    await crm.query("update contacts set status = 'done'; delete from contacts where id = 10");
    expect(await stores.nightly()).toMatchObject({ outcome: "done", requests: { done: 2 } });
    expect(await left()).toEqual({ shop: [1], crm: [1, 7] });
  });
});

test("a store that is down and forbids nothing keeps no other from its work, and is caught up when it is back", async () => {
  await withStores([shop, crmStore(crm.url, "")], (stores) => stores.ask({ email: "ann@shop.example" }));
  await withStores([shop, crmStore(elsewhere, "")], async (stores) => {
    await expect(stores.nightly()).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
    expect(await left()).toEqual({ shop: [2, 3], crm: [1, 7, 8, 9, 10] });
    expect(await stores.requests()).toMatchObject([{ state: "erasing", code: null }]);
  });
  await withStores([shop, crmStore(crm.url, "")], async (stores) => {
    expect(await stores.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
    expect(await left()).toEqual({ shop: [2, 3], crm: [1, 8, 9, 10] });
  });
});

test("while a store that may forbid something cannot be asked, nothing is begun in the others", async () => {
  await withStores([shop, crmStore()], (stores) => stores.ask({ email: "bob@shop.example" }));
  await withStores([shop, crmStore(elsewhere)], async (stores) => {
    await expect(stores.nightly()).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
    expect(await left()).toEqual({ shop: [1, 2, 3], crm: [1, 7, 8, 9, 10] });
    expect(await stores.requests()).toMatchObject([{ state: "approved", code: null }]);
  });
  await withStores([shop, crmStore()], async (stores) => {
    await stores.nightly();
    expect(await stores.requests()).toMatchObject([{ state: "blocked", code: "CONTACT_OPEN" }]);
    expect(await left()).toEqual({ shop: [1, 2, 3], crm: [1, 7, 8, 9, 10] });
  });
});

test("nor while somebody is held whom perhaps only that store knows", async () => {
  await night.store.query("update customers set email = null, ext = 'X-9' where id = 1");
  const [held = ""] = await withStores([shop, crmStore(crm.url, "")], async (stores) => {
    const refs = await stores.ask({ email: "ann@shop.example" }, { external_id: "X-9" });
    await holdRequest(stores.context, refs[0] ?? "", { by: "dpo", matter: "A-1" });
    return refs;
  });
  await withStores([shop, crmStore(elsewhere, "")], async (stores) => {
    await expect(stores.nightly()).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
    expect(await left()).toMatchObject({ shop: [1, 2, 3] });
    await releaseRequest(stores.context, held, { by: "dpo" });
    await expect(stores.nightly()).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
    expect(await left()).toMatchObject({ shop: [2, 3] });
  });
});

test("nor while it cannot answer whether it forbids something", async () => {
  await crm.query("create table deals (id int primary key, contact_id int references contacts, open boolean)");
  const policy = policyText({
    subject: "{ table: contacts, key: id, identifiers: { email: mail } }",
    tables: "contacts: { treatment: erase }\ndeals: { treatment: erase }",
    blockers: "- { code: DEAL_OPEN, when: { table: deals, open: true }, then: block }",
  });
  const store = {
    ...crmStore(),
    policy: parsePolicy("crm.yaml", policy),
    config: { ...shop.config, name: "crm", lockTimeoutMs: 100 },
  };
  await withStores([shop, store], async (stores) => {
    await stores.ask({ email: "ann@shop.example" });
    await crm.query("insert into deals values (1, 7, true)");
    const other = await crm.pool.raw.connect();
    await other.query("begin; lock table deals in access exclusive mode");
    try {
      await expect(stores.nightly()).rejects.toMatchObject({ code: "DATABASE_FAILED" });
    } finally {
      other.release(true);
    }
    expect(await left()).toMatchObject({ shop: [1, 2, 3] });
    await stores.nightly();
    expect(await stores.requests()).toMatchObject([{ state: "blocked", code: "DEAL_OPEN" }]);
    expect(await left()).toMatchObject({ shop: [1, 2, 3] });
  });
});

test("nothing is erased before every store was looked into, also when the search of one that was not would pass", async () => {
  await withStores([shop, crmStore(crm.url, "")], async (stores) => {
    await stores.ask({ email: "ann@shop.example" });
    await crm.query("create table notes (contact int references contacts)");
    await expect(stores.nightly()).rejects.toMatchObject({ code: "POLICY_TABLE_UNCOVERED" });
    expect(await left()).toEqual({ shop: [2, 3], crm: [1, 7, 8, 9, 10] });
    expect(await stores.requests()).toMatchObject([{ state: "erasing", code: null }]);
    await crm.query("drop table notes");
    expect(await stores.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
    expect(await left()).toEqual({ shop: [2, 3], crm: [1, 8, 9, 10] });
  });
});
