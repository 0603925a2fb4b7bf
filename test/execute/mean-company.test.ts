import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 20) n;
  create table orders (id int primary key, customer_id int references customers, at date not null, city text, amount numeric(10,2));
  insert into orders select n, n, '2026-03-01', case when n % 4 = 1 then 'Sylt' else 'Ulm' end, 100 + n + 0.17 from generate_series(1, 20) n;`;
const rules = (rest = "") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
orders: { treatment: anonymise, clock: at, conserve: [sum(amount)]${rest}, columns: { customer_id: { set: null }, at: keep, city: keep, amount: { mean: [city] } } }`;
const people = (...numbers: readonly number[]) => numbers.map((n) => ({ email: `p${n}@shop.example` }));
const done = { state: "completed" };
const amounts = (where: string) => night.store.query(`select id, amount::text from orders where ${where} order by id`);

test("who would keep their own amount, or share a mean with fewer than k people, waits until there are as many", async () => {
  night = await openNight({ schema, tables: rules() });
  await night.ask(...people(1, 2, 3, 4, 6, 7));
  await night.nightly();
  const waits = {
    state: "failed",
    code: "ANONYMITY_BELOW",
    detail: { table: "orders", rows: 1, measured: { k: 1 }, wait: { missing: 4, then: "wait" } },
  };
  expect(await night.requests()).toMatchObject([waits, done, done, done, done, done]);
  expect(await amounts("id = 1 and customer_id = 1")).toEqual([{ id: 1, amount: "101.17" }]);
  await night.ask(...people(5, 9, 13, 17));
  await night.nightly();
  expect((await night.requests()).every(({ state }) => state === "completed")).toBe(true);
  expect(await amounts("city = 'Sylt'")).toEqual([1, 5, 9, 13, 17].map((id) => ({ id, amount: "109.17" })));
});

test("k is the table's, people count and not their rows, and each period by itself", async () => {
  night = await openNight({
    schema: `${schema}
      insert into orders select 100 + n, 1, '2026-03-02', 'Sylt', n from generate_series(1, 9) n;
      insert into orders values (200, 5, '2026-05-01', 'Sylt', 9.99)`,
    tables: rules(", k: 2"),
  });
  await night.ask(...people(1));
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ code: "ANONYMITY_BELOW", detail: { rows: 10, measured: { k: 1 } } }]);
  await night.ask(...people(5, 9));
  await night.nightly();
  // Of May the fifth has the only amount; the other two are each other's company in March.
  expect(await night.requests()).toMatchObject([done, { code: "ANONYMITY_BELOW", detail: { rows: 1 } }, done]);
});

test("an amount that is empty is nobody's, and holds nobody up", async () => {
  night = await openNight({ schema: `${schema} update orders set amount = null where id = 1`, tables: rules() });
  await night.ask(...people(1, 2, 3, 4, 6, 7));
  await night.nightly();
  expect((await night.requests()).every(({ state }) => state === "completed")).toBe(true);
});

test("at the deadline the rows of who is still alone go, if the policy says so", async () => {
  night = await openNight({ schema, tables: rules(", late: erase") });
  const [ref = ""] = await night.ask(...people(1));
  await night.nightly();
  expect(await night.requests(ref)).toMatchObject([{ code: "ANONYMITY_BELOW", detail: { wait: { then: "erase" } } }]);
  await night.nightly(night.at("2026-12-24T02:00:00Z"));
  expect(await night.store.query("select from orders where id = 1")).toEqual([]);
});
