import { afterEach, expect, test } from "vitest";
import { attackStores } from "#anonymity/attack-stores.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test("what a row does not say hides nobody: it is compared by what it says, in the gate and in the count", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text unique);
      insert into customers values (1, 'p1@shop.example'), (2, 'p2@shop.example');
      create table visits (id int primary key, customer_id int references customers, at date, paid int, coupon text);
      create table orders (id int primary key, customer_id int references customers, placed_on date, total int, coupon text, name text);
      insert into orders values (1, 1, '2026-01-05', 777, null, 'P1'), (2, 2, '2026-02-05', 5, 'x', 'P2');
      insert into visits values (1, 1, '2026-01-05', 777, null), (2, 1, '2026-03-05', null, null), (3, null, null, null, null)`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  columns: { customer_id: { set: null }, at: keep, paid: keep, coupon: keep }
  attack: [{ knows: orders, by: { at: placed_on, paid: total, coupon: coupon } }]
orders: { treatment: retain, class: voucher, clock: placed_on, columns: { customer_id: keep, placed_on: keep, total: keep, coupon: keep, name: { set: null } } }`,
  });
  await night.ask({ email: "p1@shop.example" });
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "failed", code: "ATTACK_MATCHED", detail: { rows: 1 } }]);
  await night.store.query("update visits set customer_id = null; update orders set name = null where id = 1");
  expect(await attackStores(night.context)).toMatchObject([
    { precision: "exact", rows: 3, one: 1, nobody: 2 },
    { precision: "banded", rows: 3, one: 1, nobody: 2 },
  ]);
});
