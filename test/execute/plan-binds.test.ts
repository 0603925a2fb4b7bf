import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { assureJournal, withStoreSession } from "#execute/store-session.ts";
import { eraseBatch } from "#night/erasure.ts";
import { Records } from "#night/records.ts";
import { collectBatch } from "#execute/collect.ts";
import { holdRequest } from "#holds/request.ts";
import { currentShape, forecast } from "#forecast.ts";
import { scopeSubjects } from "#scope/subjects.ts";
import { createScopeTables } from "#scope/derive.ts";
import { checkPolicies } from "#policy-check.ts";
import { openNight, policyText, type Night } from "#test/execute/night.ts";
import { parsePolicy } from "#policy/parse.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text, name text);
  create table orders (id int primary key, customer_id int references customers);
  insert into customers values (1, 'ann@shop.example', 'Ann'), (2, 'bob@shop.example', 'Bob'); insert into orders values (1, 1), (2, 2)`;
const tables = `customers: { treatment: anonymise, columns: { email: { unique: '{random}@invalid' }, name: { set: null } } }
orders: { treatment: erase }`;

/** Lets `change` happen after the batch was planned and before its rows are changed: the batch waits for a row that `holding` locks. */
const eraseDuring = async (holding: string, change: string): Promise<unknown> => {
  const other = await night.store.pool.raw.connect();
  try {
    await other.query("begin");
    await other.query(holding);
    const erasing = night.erase();
    for (let waiting = 0; waiting === 0; await sleep(20)) {
      const found = await night.store.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      waiting = found.length;
    }
    await other.query(change);
    await other.query("commit");
    return await erasing;
  } finally {
    other.release(true);
  }
};

test.each([
  ["a row is gone", "delete from orders where id = 1"],
  ["a row has another key", "update orders set id = 9 where id = 1"],
  ["a row is somebody else's", "update orders set customer_id = 2 where id = 1"],
])("when %s since the plan, nothing of the plan is done and the batch is planned again", async (_, change) => {
  night = await openNight({ schema, tables });
  await night.ask({ email: "ann@shop.example" });
  await eraseDuring("select from orders where id = 1 for update", change);
  expect(await night.requests()).toMatchObject([{ state: "erasing", code: null }]);
  expect(await night.store.query("select name from customers order by id")).toEqual([{ name: null }, { name: "Bob" }]);
  expect(await night.store.query("select from orders where customer_id = 1")).toEqual([]);
  // The plan that is on record is of the rows as they were by then, and in the journal.
  const batches = await night.state.query("select state, plan_hash from lethe.batch");
  expect(batches).toMatchObject([{ state: "committed" }]);
  expect(await night.store.query("select plan from lethe.journal_batch")).toEqual([
    { plan: batches[0]?.["plan_hash"] },
  ]);
});

test("a row that comes after the plan and refers to one that goes is in the next plan, and nobody's fault", async () => {
  night = await openNight({
    schema: schema.replaceAll("references customers", "not null references customers"),
    tables: "customers: { treatment: erase }\norders: { treatment: erase }",
  });
  await night.ask({ email: "ann@shop.example" });
  await eraseDuring("insert into orders values (3, 1)", "select 1");
  expect(await night.requests()).toMatchObject([{ state: "erasing", code: null }]);
  expect(await night.store.query("select id from orders")).toEqual([{ id: 2 }]);
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
    await night.state.query(
      "update lethe.subject set state = 'located', batch_id = null; delete from lethe.disposition; update lethe.batch set state = 'abandoned'",
    );
    await night.erase();
    emails.push((await night.store.query("select email from customers where id = 1"))[0]?.["email"]);
  }
  expect(emails[0]).toMatch(/^[0-9a-f]{20}@invalid$/);
  expect(emails[1]).toBe(emails[0]);
});

test("a failure of Lethe's own database is no request's failure", async () => {
  night = await openNight({ schema, tables });
  await night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });
  await night.state.query(`create function lethe.refuse() returns trigger language plpgsql as
    $$ begin raise exception 'too slow' using errcode = '57014'; end $$;
    create trigger refuse before insert on lethe.plan for each row execute function lethe.refuse()`);
  await expect(night.nightly()).rejects.toMatchObject({ code: "DATABASE_FAILED" });
  expect(await night.requests()).toMatchObject([{ state: "approved" }, { state: "approved" }]);
  expect(await night.store.query("select count(*) from orders")).toEqual([{ count: 2 }]);
  await night.state.query("drop trigger refuse on lethe.plan");
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 2 } });
});

test("a sum over text is refused before anything runs", async () => {
  night = await openNight({
    schema: `${schema}; alter table orders add amount text`,
    tables: tables.replace(
      "orders: { treatment: erase }",
      "orders: { treatment: anonymise, conserve: [sum(amount)], columns: { customer_id: { set: null }, amount: keep } }",
    ),
  });
  expect(await checkPolicies(night.context)).toMatchObject([{ findings: [{ code: "POLICY_CONTRADICTION" }] }]);
});

test("entering, planning, checking and approving leave nothing in the store", async () => {
  night = await openNight({ schema, tables });
  await night.ask({ email: "ann@shop.example" });
  await forecast(night.context, [{ id: 1, ref: "ann" }]);
  expect(await checkPolicies(night.context)).toMatchObject([{ findings: [] }]);
  expect(
    await night.store.query("select nspname from pg_namespace where nspname in ('lethe', 'lethe_migrations')"),
  ).toEqual([]);
  await night.nightly();
  expect(await night.store.query("select nspname from pg_namespace where nspname = 'lethe'")).toHaveLength(1);
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
  await assureJournal(store);
  await withStoreSession(store, async (session) => {
    const { shape, catalog } = await currentShape(session);
    await createScopeTables(session.db, shape);
    const both = [ann, bob].map((ref, index) => ({ request: index + 1, ref, key: String(index + 1), values: [] }));
    const records = new Records((batch) => collectBatch(context, run, store, batch));
    await eraseBatch(
      { ctx: context, run, session, shape, catalog, records, heldBack: [], tooFew: () => Promise.resolve() },
      scopeSubjects(both),
    );
    await records.complete();
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
