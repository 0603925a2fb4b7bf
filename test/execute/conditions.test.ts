import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test("a number in a condition is that number, however many decimals the column writes", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      create table wallets (id int primary key, customer_id int references customers, balance numeric(12,2), code text);
      insert into wallets values (1, 1, 5, '05'), (2, 2, 6, '5.00')`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }\nwallets: { treatment: erase }`,
    blockers: `- { code: FIVE, when: { table: wallets, balance: [4, 5] }, then: block }
- { code: CODE, when: { table: wallets, code: 5 }, then: block }`,
  });
  await night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });
  await night.nightly();
  expect(await night.requests()).toMatchObject([
    { state: "blocked", code: "FIVE", detail: { rows: 1 } },
    { state: "completed" },
  ]);
});
