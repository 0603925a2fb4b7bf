import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test("rows without a key are found again after each cut, by their own rule and by what says what stays", async () => {
  night = await openNight({
    schema: `create table addresses (id int primary key, street text);
      create table customers (id int primary key, email text);
      create table orders (customer_id int references customers, ship_to int references addresses, bill_to int references addresses, note text);
      create table bills (customer_id int references customers, sent_to int references addresses, day date, name text, note text);
      create table accounts (id int unique, customer_id int references customers, main_card int, note text);
      create table cards (id int unique, account_id int references accounts (id), label text);
      alter table accounts add foreign key (main_card) references cards (id);
      insert into addresses values (1, 'Own Street'), (2, 'Shared Street'), (3, 'Also Shared');
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into orders values (1, 1, 1, 'Ann A'), (1, 2, 3, 'Ann B'), (2, 2, 3, 'Bob');
      insert into bills values (1, 2, '2026-03-04', 'Ann', 'for Ann'), (2, 2, '2026-03-04', 'Bob', 'for Bob');
      insert into accounts values (1, 1, null, 'Ann'), (2, 2, null, 'Bob');
      insert into cards values (1, 1, 'Ann gold'), (2, 2, 'Bob');
      update accounts set main_card = id`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
orders: { treatment: anonymise, columns: { customer_id: keep, ship_to: keep, bill_to: keep, note: { set: null } } }
bills: { treatment: retain, class: voucher, clock: day, columns: { customer_id: keep, sent_to: keep, day: keep, name: { stays: shown }, note: { set: null } } }
addresses: { treatment: anonymise, columns: { street: { set: null } } }
accounts: { treatment: erase }
cards: { treatment: erase }`,
  });
  const [ref = ""] = await night.ask({ email: "ann@shop.example" });
  await night.nightly();
  expect(await night.store.query("select * from orders order by customer_id, ship_to")).toEqual([
    { customer_id: 1, ship_to: 1, bill_to: 1, note: null },
    { customer_id: 1, ship_to: null, bill_to: null, note: null },
    { customer_id: 2, ship_to: 2, bill_to: 3, note: "Bob" },
  ]);
  expect(await night.store.query("select sent_to, name, note from bills order by customer_id")).toEqual([
    { sent_to: null, name: "Ann", note: null },
    { sent_to: 2, name: "Bob", note: "for Bob" },
  ]);
  expect(await night.store.query("select note, main_card from accounts")).toEqual([{ note: "Bob", main_card: 2 }]);
  expect(await night.store.query("select label from cards")).toEqual([{ label: "Bob" }]);
  expect(await night.dispositions(ref)).toEqual([
    "erase accounts 1 0",
    "anonymise addresses 1 2",
    "retain bills 1 0",
    "erase cards 1 0",
    "anonymise customers 1 0",
    "anonymise orders 2 0",
  ]);
  expect(await night.state.query("select table_name, column_name, rows from lethe.stay")).toEqual([
    { table_name: "bills", column_name: "name", rows: 1 },
  ]);
});
