import { afterEach, expect, test } from "vitest";
import { executeBatch } from "#execute/execute-batch.ts";
import { withStoreSession } from "#execute/store-session.ts";
import { eraseBatch } from "#erasure.ts";
import { holdRequest } from "#intake/decide.ts";
import { currentShape, forecast } from "#forecast.ts";
import { scopeSubjects } from "#scope/subjects.ts";
import { createScopeTables } from "#scope/derive.ts";
import { openNight, policyText, type Night } from "#test/execute/night.ts";
import { parsePolicy } from "#policy/parse.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text, name text);
  create table orders (id int primary key, customer_id int references customers);
  insert into customers values (1, 'ann@shop.example', 'Ann'), (2, 'bob@shop.example', 'Bob'); insert into orders values (1, 1), (2, 2)`;
const tables = `customers: { treatment: anonymise, columns: { email: { unique: '{random}@invalid' }, name: { set: null } } }
orders: { treatment: erase }`;

/** Runs the plan of `ann`'s request as it was before `change`. */
const executeAfter = async (change: string): Promise<unknown> => {
  const store = night.context.stores[0];
  if (store === undefined) throw new TypeError("no store");
  const [planned] = await forecast(night.context, [{ id: 1, ref: "ann" }]);
  if (planned === undefined) throw new TypeError("no plan");
  await night.store.query(change);
  return withStoreSession(store, async (session) => {
    const { shape } = await currentShape(session);
    await createScopeTables(session.db, shape);
    return executeBatch(session, shape, planned.plan, {
      id: "00000000-0000-4000-8000-000000000001",
      planHash: planned.hash,
      seed: "seed",
      at: night.context.clock.now(),
      subjects: scopeSubjects([{ request: 1, ref: "ann", key: "1", values: [] }]),
    });
  });
};

test.each([
  ["a row more", "insert into orders values (3, 1)"],
  ["a row less", "delete from orders where id = 1"],
  ["another row", "update orders set id = 9 where id = 1"],
])("a plan does not run on %s than it says", async (_, change) => {
  night = await openNight({ schema, tables });
  await night.ask({ email: "ann@shop.example" });
  await expect(executeAfter(change)).rejects.toMatchObject({ code: "PLAN_MOVED" });
  expect(await night.store.query("select name from customers order by id")).toEqual([{ name: "Ann" }, { name: "Bob" }]);
  expect(await night.store.query("select from lethe.journal_batch")).toEqual([]);
  // The night plans again and goes on.
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
  expect(await night.store.query("select customer_id from orders")).toEqual([{ customer_id: 2 }]);
});

test("the same plan makes the same values when it is run again after a crash", async () => {
  night = await openNight({ schema, tables });
  await night.ask({ email: "ann@shop.example" });
  const emails: unknown[] = [];
  for (const back of [
    "select 1",
    "delete from lethe.journal_step; delete from lethe.journal_request; delete from lethe.journal_batch; insert into orders values (1, 1); update customers set email = 'ann@shop.example' where id = 1",
  ]) {
    await night.store.query(back);
    await executeAfter("select 1");
    emails.push((await night.store.query("select email from customers where id = 1"))[0]?.["email"]);
  }
  expect(emails[0]).toMatch(/^[0-9a-f]{20}@invalid$/);
  expect(emails[1]).toBe(emails[0]);
});

test("requests go back for approval when the policy is another one than they were approved under", async () => {
  night = await openNight({ schema, tables });
  const [ref] = await night.ask({ email: "ann@shop.example" });
  const other = parsePolicy("policy.yaml", policyText({ tables: tables.replace("{ set: null }", "{ set: Gone }") }));
  const context = { ...night.context, stores: night.context.stores.map((store) => ({ ...store, policy: other })) };
  expect(await night.nightly(context)).toMatchObject({ requests: { done: 0, pending: 1 } });
  expect(await night.requests()).toMatchObject([
    { ref, state: "verified", code: "PLAN_CHANGED", detail: { store: "shop" } },
  ]);
  expect(await night.store.query("select count(*) from orders")).toEqual([{ count: 2 }]);
});

test("a request that waits for a locked row goes back for approval as well", async () => {
  night = await openNight({ schema, tables, store: { lockTimeoutMs: 50 } });
  await night.ask({ email: "ann@shop.example" });
  const lock = await night.store.pool.raw.connect();
  await lock.query("begin; select from customers where id = 1 for update");
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "failed", code: "ROW_LOCKED" }]);
  lock.release(true);
  const other = parsePolicy("policy.yaml", policyText({ tables: tables.replace("{ set: null }", "{ set: Gone }") }));
  await night.nightly({ ...night.context, stores: night.context.stores.map((store) => ({ ...store, policy: other })) });
  expect(await night.requests()).toMatchObject([{ state: "verified", code: "PLAN_CHANGED" }]);
});

test("a column that is added after the approval stops the store with exit 3 and nothing changed", async () => {
  night = await openNight({ schema, tables });
  await night.ask({ email: "ann@shop.example" });
  await night.store.query("alter table customers add nickname text default 'Annie'");
  await expect(night.nightly()).rejects.toMatchObject({ code: "POLICY_COLUMN_UNCOVERED", exit: 3 });
  expect(await night.store.query("select name, nickname from customers order by id")).toEqual([
    { name: "Ann", nickname: "Annie" },
    { name: "Bob", nickname: "Annie" },
  ]);
  expect(await night.requests()).toMatchObject([{ state: "approved" }]);
});

test("a role from which row-level security hides rows stops the store", async () => {
  night = await openNight({
    schema: `${schema}; alter table orders enable row level security; alter table orders force row level security`,
    tables,
  });
  const store = night.context.stores[0];
  if (store === undefined) throw new TypeError("no store");
  await night.store
    .query(`create role "${night.store.name}_r"; grant all on all tables in schema public to "${night.store.name}_r";
    grant create on database "${night.store.name}" to "${night.store.name}_r"`);
  try {
    await expect(
      withStoreSession(store, async (session) => {
        await session.client.query(`set role "${night.store.name}_r"`);
        return currentShape(session);
      }),
    ).rejects.toMatchObject({ code: "ROW_SECURITY" });
  } finally {
    await night.store.query(`reset role; drop owned by "${night.store.name}_r"; drop role "${night.store.name}_r"`);
  }
});

test("two requests that name the same person in different ways both end well", async () => {
  night = await openNight({
    schema: schema
      .replace("name text", "name text, ext text default 'X-1'")
      .replaceAll("'Ann')", "'Ann', 'X-1')")
      .replaceAll("'Bob')", "'Bob', 'X-2')"),
    tables: tables.replace("name: {", "ext: { set: null }, name: {"),
    subject: "{ table: customers, key: id, identifiers: { email: email, external_id: ext } }",
  });
  const refs = await night.ask({ email: "ann@shop.example" }, { external_id: "X-1" }, { key: "1" });
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 3, failed: 0 } });
  expect(await night.requests(...refs)).toMatchObject([
    { state: "completed" },
    { state: "completed" },
    { state: "completed" },
  ]);
  expect(await night.store.query("select id from orders")).toEqual([{ id: 2 }]);
});

test("who is put on hold after the subjects were looked up is left alone, and the others of the batch are not", async () => {
  night = await openNight({ schema, tables });
  const [ann = "", bob = ""] = await night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });
  const store = night.context.stores[0];
  if (store === undefined) throw new TypeError("no store");
  const { context } = night;
  const run = { id: "r", job: "erase", startedAt: context.clock.now() };
  await night.state.query("insert into lethe.run (id, job, started_at, ledger_from) values ('r', 'erase', now(), 0)");
  await holdRequest(context, ann, { by: "dpo", matter: "4711" });
  await withStoreSession(store, async (session) => {
    const { shape } = await currentShape(session);
    await createScopeTables(session.db, shape);
    const both = [ann, bob].map((ref, index) => ({ request: index + 1, ref, key: String(index + 1), values: [] }));
    await eraseBatch(context, run, session, shape, scopeSubjects(both));
  });
  expect(await night.store.query("select name from customers order by id")).toEqual([{ name: "Ann" }, { name: null }]);
  expect(await night.requests()).toMatchObject([{ state: "held" }, { state: "erasing" }]);
});

test("a request with a residual is searched for again when it is approved once more", async () => {
  night = await openNight({ schema, tables: tables.replace("name: { set: null }", "name: keep") });
  await night.store.query("update customers set name = 'see ann@shop.example' where id = 1");
  const [ann = ""] = await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "attention", requests: { failed: 1 } });
  await night.approve(ann);
  expect(await night.nightly()).toMatchObject({ outcome: "attention", requests: { failed: 1 } });
  await night.approve(ann);
  await night.store.query("update customers set name = null where id = 1");
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
});
