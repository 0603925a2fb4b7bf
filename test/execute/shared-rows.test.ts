import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `
  create table addresses (id int primary key, street text);
  create table customers (id int primary key, email text, home_id int references addresses);
  create table orders (id int primary key, customer_id int references customers, ship_to int references addresses);
  create table address_notes (id int primary key, address_id int references addresses, body text);
  insert into addresses values (1, 'Own Street'), (2, 'Shared Street'), (3, 'Live Street');
  insert into customers values (1, 'ann@shop.example', 1), (2, 'bob@shop.example', 2), (3, 'cem@shop.example', 3);
  insert into orders values (11, 1, 1), (12, 1, 2), (21, 2, 2), (31, 3, 3);
  insert into address_notes values (1, 1, 'ring twice'), (2, 2, 'for ann@shop.example and bob@shop.example')`;
const tables = (home: string) => `
customers: { treatment: anonymise, columns: { email: { set: null }, home_id: ${home} } }
orders: { treatment: retain, class: voucher, clock: day, columns: { customer_id: keep, ship_to: { set: null }, day: keep } }
addresses: { treatment: erase }
address_notes: { treatment: erase }`;
const dated = `${schema}; alter table orders add day date default '2026-05-01'`;

test("an address that a living customer uses stays; its links to the erased are cut; the last who used it takes it along", async () => {
  night = await openNight({ schema: dated, tables: tables("{ set: null }") });
  const [ann] = await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ requests: { failed: 1 } }); // the note about both still says so
  expect(await night.store.query("select id from addresses order by id")).toEqual([{ id: 2 }, { id: 3 }]);
  expect(await night.store.query("select id, ship_to from orders order by id")).toEqual([
    { id: 11, ship_to: null },
    { id: 12, ship_to: null },
    { id: 21, ship_to: 2 },
    { id: 31, ship_to: 3 },
  ]);
  expect(await night.store.query("select id from address_notes")).toEqual([{ id: 2 }]);
  expect(await night.dispositions(ann ?? "")).toEqual([
    "erase address_notes 1 0",
    "erase addresses 1 1",
    "anonymise customers 1 0",
    "retain orders 2 0",
  ]);
  const [bob] = await night.ask({ email: "bob@shop.example" });
  expect(await night.nightly()).toMatchObject({ requests: { done: 2, failed: 0 } });
  expect(await night.store.query("select id from addresses")).toEqual([{ id: 3 }]);
  expect(await night.store.query("select id from address_notes")).toEqual([]);
  expect(await night.dispositions(bob ?? "")).toContain("erase addresses 1 0");
});

test("subjects of one batch do not spare each other's rows, and what they share is counted for the first", async () => {
  night = await openNight({ schema: dated, tables: tables("{ set: null }") });
  const [ann = "", bob = ""] = await night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 2 } });
  expect(await night.store.query("select id from addresses")).toEqual([{ id: 3 }]);
  expect(await night.store.query("select id from address_notes")).toEqual([]);
  const erased = async (ref: string) => (await night.dispositions(ref)).filter((line) => line.startsWith("erase"));
  expect([await erased(ann), await erased(bob)]).toEqual([["erase address_notes 2 0", "erase addresses 2 0"], []]);
});

test("what hangs on a row that two subjects share is redacted for both of them", async () => {
  night = await openNight({
    schema: dated,
    tables: tables("{ set: null }").replace(
      "address_notes: { treatment: erase }",
      "address_notes: { treatment: anonymise, columns: { address_id: { set: null }, body: { redact: identifiers } } }",
    ),
  });
  await night.ask({ email: "ann@shop.example" }, { email: "bob@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 2 } });
  expect(await night.store.query("select body from address_notes order by id")).toEqual([
    { body: "ring twice" },
    { body: "for [erased] and [erased]" },
  ]);
});

test("nothing that stays of a subject leads to an address that is left to a living customer", async () => {
  night = await openNight({
    schema: `${dated}; delete from address_notes`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null }, home_id: keep } }
orders: { treatment: retain, class: voucher, clock: day, columns: { customer_id: keep, ship_to: keep, day: keep } }
addresses: { treatment: anonymise, columns: { street: { set: null } } }
address_notes: { treatment: erase }`,
  });
  await night.ask({ email: "ann@shop.example" });
  await night.nightly();
  expect(await night.store.query("select * from addresses order by id")).toEqual([
    { id: 1, street: null },
    { id: 2, street: "Shared Street" },
    { id: 3, street: "Live Street" },
  ]);
  expect(await night.store.query("select id, ship_to from orders where customer_id in (1, 2) order by id")).toEqual([
    { id: 11, ship_to: 1 },
    { id: 12, ship_to: null },
    { id: 21, ship_to: 2 },
  ]);
});

test("a row with two owners goes with the second", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table chats (id int primary key, a int references customers, b int references customers, topic text);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example'), (3, 'cem@shop.example');
      insert into chats values (12, 1, 2, 'x'), (10, 1, null, 'y'), (23, 2, 3, 'z')`,
    tables: "customers: { treatment: erase }\nchats: { treatment: erase, owner: [a, b] }",
  });
  const [ann] = await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await night.store.query("select * from chats order by id")).toEqual([
    { id: 12, a: null, b: 2, topic: "x" },
    { id: 23, a: 2, b: 3, topic: "z" },
  ]);
  expect(await night.dispositions(ann ?? "")).toEqual(["erase chats 1 1", "erase customers 1 0"]);
  await night.ask({ email: "bob@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await night.store.query("select * from chats")).toEqual([{ id: 23, a: null, b: 3, topic: "z" }]);
});

test("a parent in a hierarchy leaves its children, without a parent", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, parent_id int references customers on delete cascade);
      insert into customers values (1, 'ann@shop.example', null), (2, 'bob@shop.example', 1), (3, 'cem@shop.example', 2)`,
    tables: "customers: { treatment: erase }",
  });
  await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await night.store.query("select id, parent_id from customers order by id")).toEqual([
    { id: 2, parent_id: null },
    { id: 3, parent_id: 2 },
  ]);
  await night.ask({ email: "bob@shop.example" }, { email: "cem@shop.example" });
  await night.nightly();
  expect(await night.store.query("select id from customers")).toEqual([]);
});

test.each(["on delete cascade", "on delete restrict", ""])(
  "other people's replies stay when what they reply to goes (%s)",
  async (action) => {
    night = await openNight({
      schema: `create table customers (id int primary key, email text);
        create table comments (id int primary key, customer_id int references customers, reply_to int references comments ${action}, body text);
        insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
        insert into comments values (1, 1, null, 'a'), (2, 2, 1, 'b'), (3, 1, 2, 'c'), (4, 1, 3, 'd')`,
      tables: "customers: { treatment: erase }\ncomments: { treatment: erase, owner: customer_id }",
    });
    await night.ask({ email: "ann@shop.example" });
    expect(await night.nightly()).toMatchObject({ outcome: "done" });
    expect(await night.store.query("select * from comments")).toEqual([
      { id: 2, customer_id: 2, reply_to: null, body: "b" },
    ]);
  },
);

test("where a reply cannot be cut loose, what it replies to is spared", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table comments (id int primary key, customer_id int references customers, reply_to int not null references comments on delete cascade);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into comments values (1, 1, 1), (2, 2, 1), (3, 1, 3), (4, 1, 3)`,
    tables: "customers: { treatment: erase }\ncomments: { treatment: erase, owner: customer_id }",
  });
  const [ann] = await night.ask({ email: "ann@shop.example" });
  await night.nightly();
  expect(await night.store.query("select * from comments order by id")).toEqual([
    { id: 1, customer_id: null, reply_to: 1 },
    { id: 2, customer_id: 2, reply_to: 1 },
  ]);
  expect(await night.dispositions(ann ?? "")).toEqual(["erase comments 2 1", "erase customers 1 0"]);
});

test("a living person's reply to an erased comment stays, and so does what hangs on it", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table comments (id int primary key, customer_id int references customers, reply_to int references comments, body text);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into comments values (1, 1, null, 'a'), (2, 2, 1, 'b'), (3, null, 1, 'c'), (4, null, 3, 'd'), (5, null, 2, 'e')`,
    tables: "customers: { treatment: erase }\ncomments: { treatment: erase, owner: [customer_id, reply_to] }",
  });
  await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
  expect(await night.store.query("select id, reply_to from comments order by id")).toEqual([
    { id: 2, reply_to: null },
    { id: 5, reply_to: 2 },
  ]);
});
