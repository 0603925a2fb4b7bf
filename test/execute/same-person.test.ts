import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { withClient } from "#db/pool.ts";
import { releaseRequest } from "#holds/release.ts";
import { holdRequest } from "#holds/request.ts";
import { addRequest } from "#intake/requests.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const shop = {
  schema: `create table customers (id int primary key, email text, ext text);
    create table orders (id int primary key, customer_id int not null references customers, total int);
    insert into customers values (1, 'ann@shop.example', 'X-1'), (2, 'bob@shop.example', 'X-2');
    insert into orders values (11, 1, 500), (21, 2, 7)`,
  subject: "{ table: customers, key: id, identifiers: { email: email, external_id: ext } }",
  tables: `customers: { treatment: anonymise, columns: { email: { set: null }, ext: { set: null } } }
orders: { treatment: erase }`,
  now: "2026-11-02T02:00:00Z",
} as const;
const ann = { email: "ann@shop.example" };
const scheduled = "deletion: { mode: scheduled, grace: P30D }";
const emails = async () =>
  (await night.store.query<{ email: string | null }>("select email from customers order by id")).map(
    ({ email }) => email,
  );

describe("a request means the person whom its identifiers named first", () => {
  test("also when somebody else has the address by the time that nothing blocks it any more", async () => {
    night = await openNight({
      ...shop,
      blockers: "- { code: BIG_ORDER, when: { table: orders, total: { gt: 100 } }, then: block }",
    });
    const [ref = ""] = await night.ask(ann);
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "blocked", code: "BIG_ORDER" }]);
    await night.store.query(`update customers set email = 'ann@new.example' where id = 1; update orders set total = 1;
      insert into customers values (3, 'ann@shop.example', 'X-3')`);
    await night.nightly(night.at("2026-11-12T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
    expect(await emails()).toEqual([null, "bob@shop.example", "ann@shop.example"]);
    expect(await night.state.query("select from lethe.identity")).toEqual([]);
  });

  test("also when somebody else has it by the first night after the approval, of one request or of all", async () => {
    night = await openNight(shop);
    const one = await addRequest(night.context, ann);
    await night.approve(one.ref);
    await night.ask({ email: "bob@shop.example" });
    await night.store.query(`update customers set email = 'new' || id || '@shop.example';
      insert into customers values (3, 'ann@shop.example', 'X-3'), (4, 'bob@shop.example', 'X-4')`);
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "completed" }, { state: "completed" }]);
    expect(await emails()).toEqual([null, null, "ann@shop.example", "bob@shop.example"]);
  });

  test("and is nobody whose key differs in case only, when that row is no longer there", async () => {
    night = await openNight({
      ...shop,
      schema: `create table customers (id text primary key, email text, ext text);
        create table orders (id int primary key, customer_id text references customers, total int);
        insert into customers values ('cus_x7Kq', 'ann@shop.example'), ('cus_X7kQ', 'bob@shop.example'),
          ('cus_ab', 'cem@shop.example'), ('cus_AB', 'dan@shop.example')`,
    });
    const refs = await night.ask(ann, { email: "cem@shop.example" });
    await night.store.query("delete from customers where id = 'cus_x7Kq'");
    await night.nightly();
    expect(await night.requests(...refs)).toMatchObject([{ code: "SUBJECT_NOT_FOUND" }, { state: "completed" }]);
    expect(await night.store.query("select id from customers where email is not null order by id")).toEqual([
      { id: "cus_AB" },
      { id: "cus_X7kQ" },
    ]);
  });

  test("and is looked at by a person when that row is no longer there, whoever has the address", async () => {
    night = await openNight({ ...shop, sections: scheduled });
    const [ref = ""] = await night.ask(ann);
    await night.nightly();
    await night.store.query(`delete from orders where customer_id = 1; delete from customers where id = 1;
      insert into customers values (3, 'ann@shop.example', 'X-3')`);
    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await night.requests(ref)).toMatchObject([{ state: "blocked", code: "SUBJECT_NOT_FOUND" }]);
    expect(await emails()).toEqual(["bob@shop.example", "ann@shop.example"]);
  });
});

describe("a hold is on a person: it also stops another request for the same one", () => {
  test.each([
    ["at once", "", "2026-11-02T02:00:00Z"],
    ["at the end of a time of grace", scheduled, "2026-12-03T02:00:00Z"],
  ])("that would be carried out %s, until it is released", async (_, sections, now) => {
    night = await openNight({ ...shop, sections });
    const [held = "", other = "", bob = ""] = await night.ask(ann, { external_id: "X-1" }, { external_id: "X-2" });
    if (sections !== "") await night.nightly();
    await holdRequest(night.context, held, { by: "dpo", matter: "A-1" });
    await night.nightly(night.at(now));
    expect(await night.requests(held, other, bob)).toMatchObject([
      { state: "held" },
      { state: "blocked", code: "SUBJECT_HELD" },
      { state: "completed" },
    ]);
    expect(await emails()).toEqual(["ann@shop.example", null]);
    await releaseRequest(night.at(now), held, { by: "dpo" });
    await night.nightly(night.at("2026-12-04T02:00:00Z"));
    expect(await night.requests(held, other)).toMatchObject([{ state: "completed" }, { state: "completed" }]);
    expect(await emails()).toEqual([null, null]);
  });

  test("also when somebody else has the address by then that the held request names", async () => {
    night = await openNight(shop);
    const [held = ""] = await night.ask(ann);
    await holdRequest(night.context, held, { by: "dpo", matter: "A-1" });
    await night.nightly();
    await night.store.query(`update customers set email = 'ann@new.example' where id = 1;
      insert into customers values (3, 'ann@shop.example', 'X-3')`);
    const others = await night.ask({ external_id: "X-1" }, { external_id: "X-3" });
    await night.nightly();
    expect(await night.requests(...others)).toMatchObject([
      { state: "blocked", code: "SUBJECT_HELD" },
      { state: "completed" },
    ]);
    expect(await emails()).toEqual(["ann@new.example", "bob@shop.example", null]);
  });

  test("when it comes before a batch is frozen, also after everybody was found", async () => {
    night = await openNight({ ...shop, store: { batch: 1 } });
    const [other = "", held = ""] = await night.ask({ external_id: "X-1" }, ann);
    await withClient(night.state.pool, async (client) => {
      await client.query("begin");
      await client.query("select from lethe.request where ref = $1 for no key update", [held]);
      const waiting = async (count: number): Promise<void> => {
        const waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while ((await night.state.query(waits)).length < count) await sleep(20);
      };
      const hold = holdRequest(night.context, held, { by: "dpo", matter: "A-1" });
      await waiting(1);
      const done = night.nightly();
      await waiting(2);
      await client.query("commit");
      await Promise.all([hold, done]);
    });
    expect(await night.requests(other, held)).toMatchObject([
      { state: "blocked", code: "SUBJECT_HELD", detail: { store: "shop" } },
      { state: "held", code: "LEGAL_HOLD" },
    ]);
    expect(await emails()).toEqual(["ann@shop.example", "bob@shop.example"]);
  });
});

test("a request that is still blocked by the same says how much it is about by now, and since when as before", async () => {
  night = await openNight({
    ...shop,
    blockers: `- { code: BIG_ORDER, when: { table: orders, total: { gt: 100 } }, then: block }
- { code: ODD_ORDER, when: { table: orders, id: 11 }, then: block }`,
  });
  const [ref = ""] = await night.ask(ann);
  await night.nightly();
  const since = () => night.state.query("select code_since from lethe.request");
  const first = await since();
  expect(await night.requests(ref)).toMatchObject([{ code: "BIG_ORDER", detail: { rows: 1, also: ["ODD_ORDER"] } }]);
  await night.store.query("update orders set id = 12 where id = 11; insert into orders values (13, 1, 900)");
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  const [request] = await night.requests(ref);
  expect(request).toMatchObject({ code: "BIG_ORDER", detail: { rows: 2 } });
  expect(request?.detail).not.toHaveProperty("also");
  expect(await since()).toEqual(first);
  expect(await night.state.query("select from lethe.ledger_entry where kind = 'request.blocked'")).toHaveLength(1);
});

test("of two requests for one person each has its outcome, and rows are counted for one of them", async () => {
  night = await openNight(shop);
  const refs = await night.ask(ann, { external_id: "X-1" });
  await night.nightly();
  expect(await night.requests(...refs)).toMatchObject([{ state: "completed" }, { state: "completed" }]);
  expect(await night.state.query("select store, outcome from lethe.outcome order by request_id")).toEqual([
    { store: "shop", outcome: "anonymised" },
    { store: "shop", outcome: "anonymised" },
  ]);
  expect(await night.dispositions(refs[0] ?? "")).toEqual(["anonymise customers 1 0", "erase orders 1 0"]);
  expect(await night.dispositions(refs[1] ?? "")).toEqual([]);
});
