import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context, Store } from "#context.ts";
import { closePool, openPool } from "#db/pool.ts";
import { planForApproval } from "#forecast.ts";
import { refuseRequest } from "#intake/decide.ts";
import { parsePolicy } from "#policy/parse.ts";
import { openNight, policyText, withRequests, type Night } from "#test/execute/night.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let night: Night;
let crm: TestDatabase;
let shop: Store;
let other: Store;

beforeEach(async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, phone text);
      insert into customers values (1, 'ann@shop.example', '+49 30 1234567'), (2, 'bob@shop.example', null)`,
    subject: "{ table: customers, key: id, identifiers: { email: email, phone: phone } }",
    tables: "customers: { treatment: erase }",
  });
  crm = await createDatabase(`create table contacts (id int primary key, mail text, phone text);
    insert into contacts values (7, 'ann@shop.example', null), (8, 'bob@shop.example', null)`);
  [shop] = night.context.stores as [Store];
  const subject = "{ table: contacts, key: id, identifiers: { email: mail, phone: phone } }";
  other = {
    name: "crm",
    pool: openPool({ url: crm.url, applicationName: "test", label: "crm" }),
    policy: parsePolicy("crm.yaml", policyText({ subject, tables: "contacts: { treatment: erase }" })),
    config: { ...shop.config, name: "crm" },
  };
});
afterEach(async () => {
  await closePool(other.pool);
  await Promise.all([crm.drop(), night.dispose()]);
});

const withStores = (...stores: readonly Store[]): Night => {
  const at = (now: string): Context => ({ ...night.at(now), stores });
  return { ...withRequests({ ...night, context: { ...night.context, stores } }), at };
};
const left = async () => ({
  shop: await night.store.query("select id, email from customers order by id"),
  crm: await crm.query("select id, mail from contacts order by id"),
});
const ann = { email: "ann@shop.example" };
const bob = { email: "bob@shop.example" };

test("who is no longer where it was settled who they are is not erased in the other store either, until a request for them as they are now", async () => {
  const both = withStores(shop, other);
  const refs = await both.ask(ann, bob);
  // The one has another key, the other was deleted and made again.
  await night.store.query(`update customers set id = 9 where id = 1;
    delete from customers where id = 2; insert into customers values (3, 'bob@shop.example', null)`);
  await both.nightly();
  const blocked = { state: "blocked", code: "SUBJECT_NOT_FOUND", detail: { store: "shop" } };
  expect(await both.requests(...refs)).toMatchObject([blocked, blocked]);
  expect(await left()).toMatchObject({ shop: [{ id: 3 }, { id: 9 }], crm: [{ id: 7 }, { id: 8 }] });
  // What the hint says works.
  for (const ref of refs) await refuseRequest(both.context, ref, { by: "dpo", reason: "identity-not-proven" });
  const anew = await both.ask(ann, bob);
  await both.nightly();
  expect(await both.requests(...anew)).toMatchObject([{ state: "erased" }, { state: "erased" }]);
  expect(await left()).toEqual({ shop: [], crm: [] });
});

test("once another store has erased them, a row that may be theirs under another key is a residual and not somebody else's", async () => {
  const both = withStores(shop, other);
  const [ref = ""] = await both.ask(ann);
  const locked = await crm.pool.raw.connect();
  await locked.query("begin; select from contacts for update");
  await both.nightly();
  expect(await both.requests(ref)).toMatchObject([{ state: "failed", code: "ROW_LOCKED" }]);
  await locked.query("update contacts set id = 9 where id = 7; commit");
  locked.release();
  await both.nightly();
  const place = { store: "crm", table: "contacts", column: "mail", rows: 1 };
  expect(await both.requests(ref)).toMatchObject([{ state: "failed", code: "RESIDUAL", detail: place }]);
  await crm.query("delete from contacts where id = 9");
  await both.nightly();
  expect(await both.requests(ref)).toMatchObject([{ state: "completed" }]);
});

test("an address that has passed on, where it is settled who they are, finds nobody in the other stores, in whichever order", async () => {
  await crm.query("delete from contacts where id = 7");
  const both = withStores(other, shop);
  const [ref = ""] = await both.ask({ ...ann, phone: "+49 30 1234567" });
  await night.store.query(`update customers set email = 'ann@new.example' where id = 1;
    insert into customers values (3, 'ann@shop.example', null)`);
  await crm.query("insert into contacts values (9, 'ann@shop.example', null)");

  // Nor while it cannot be told that it has.
  const pool = openPool({ url: "postgres://127.0.0.1:1/none", applicationName: "test", label: "shop" });
  await expect(withStores(other, { ...shop, pool }).nightly()).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
  await closePool(pool);
  expect(await both.requests(ref)).toMatchObject([{ state: "approved" }]);
  // They were not looked for, so nobody may say that they are not there.
  expect(await night.state.query("select from lethe.subject")).toEqual([]);

  const { whom } = await planForApproval(both.context, [{ id: 1, ref }]);
  expect(whom).toEqual([{ request: 1, store: "shop", key: "1" }]);
  await crm.query("insert into contacts values (10, 'ann@old.example', '+49 30 1234567')");
  await both.nightly();
  expect(await both.requests(ref)).toMatchObject([{ state: "erased" }]);
  expect(await left()).toEqual({
    shop: [
      { id: 2, email: bob.email },
      { id: 3, email: ann.email },
    ],
    crm: [
      { id: 8, mail: bob.email },
      { id: 9, mail: ann.email },
    ],
  });
});

test("what was found in one store leads into the others unless somebody else there bears it as well, when it is approved and at night, also once the one is erased", async () => {
  await night.store.query(`update customers set phone = '030 123 4567' where id = 2;
    insert into customers values (3, 'cem@shop.example', '+49 30 7654321')`);
  await crm.query(`delete from contacts where id = 7; update contacts set phone = '+49 30 1234567' where id = 8;
    insert into contacts values (9, 'cem@old.example', '+49 30 7654321')`);
  const both = withStores(shop, other);
  const cem = { email: "cem@shop.example" };
  const refs = await both.ask(ann, cem);
  const whom = () => both.state.query("select request_id, store, key from lethe.identity order by request_id, store");
  const found = [
    { request_id: 1, store: "shop", key: "1" },
    { request_id: 2, store: "crm", key: "9" },
    { request_id: 2, store: "shop", key: "3" },
  ];
  expect(await whom()).toEqual(found);
  await night.state.query("delete from lethe.identity where store = 'crm'");

  const pool = openPool({ url: "postgres://127.0.0.1:1/none", applicationName: "test", label: "crm" });
  await expect(withStores(shop, { ...other, pool }).nightly()).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
  await closePool(pool);
  expect(await left()).toMatchObject({ shop: [bob], crm: [{ id: 8 }, { id: 9 }] });
  await both.nightly();
  expect(await both.requests(...refs)).toMatchObject([{ state: "completed" }, { state: "erased" }]);
  expect(await left()).toMatchObject({ shop: [bob], crm: [{ id: 8 }] });
});

test("nor where it is found only after the other was asked, in the same night", async () => {
  await night.store.query("update customers set phone = '030 123 4567' where id = 2");
  await crm.query("delete from contacts where id = 7; update contacts set phone = '+49 30 1234567' where id = 8");
  const both = withStores(other, shop);
  await both.ask(ann);
  await both.nightly();
  expect(await left()).toMatchObject({ shop: [bob], crm: [{ id: 8 }] });
});
