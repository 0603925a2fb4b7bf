import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const left = async (table: string): Promise<unknown[]> => night.store.query(`select * from ${table} order by 1`);

test("quoted names, other schemas, keys of several columns, and columns with dots are all erased", async () => {
  night = await openNight({
    schema: `create schema "Sales"; create extension if not exists citext;
      create domain mail as text;
      create table "Sales"."Customers" ("Id" int primary key, "E-Mail" mail, "first.name" text, tenant int not null, unique (tenant, "Id"));
      create table "Sales"."Order Lines" (tenant int, customer int, n int, "the.note" citext, primary key (tenant, customer, n),
        foreign key (tenant, customer) references "Sales"."Customers" (tenant, "Id"));
      create table "Parts" (tenant int, customer int, n int, foreign key (tenant, customer, n) references "Sales"."Order Lines");
      insert into "Sales"."Customers" values (1, 'ann@shop.example', 'Ann', 7), (2, 'bob@shop.example', 'Bob', 7);
      insert into "Sales"."Order Lines" values (7, 1, 1, 'Ann said'), (7, 1, 2, 'x'), (7, 2, 1, 'Ann said');
      insert into "Parts" values (7, 1, 1), (7, 1, 1), (7, 2, 1)`,
    subject: "{ table: Sales.Customers, key: Id, identifiers: { email: E-Mail }, names: [first.name] }",
    tables: `Sales.Customers: { treatment: anonymise, columns: { E-Mail: { set: null }, first.name: { unique: '{random}' }, tenant: keep } }
Sales.Order Lines: { treatment: anonymise, columns: { the.note: { redact: identifiers } } }
Parts: { treatment: erase }`,
    store: { schemas: ["public", "Sales"] },
  });
  await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
  expect(await left('"Parts"')).toEqual([{ tenant: 7, customer: 2, n: 1 }]);
  expect(
    (await night.store.query('select "the.note" as note from "Sales"."Order Lines" order by 1')).map(
      (row) => row["note"],
    ),
  ).toEqual(["[erased] said", "Ann said", "x"]);
  expect(await night.store.query('select "E-Mail" is null as gone from "Sales"."Customers" order by "Id"')).toEqual([
    { gone: true },
    { gone: false },
  ]);
});

test("tables that refer to each other are erased whether a reference can wait or has to be cut", async () => {
  for (const [column, option] of [
    ["int not null", "deferrable"],
    ["int", ""],
  ]) {
    night = await openNight({
      schema: `create table customers (id int primary key, email text);
        create table a (id int primary key, customer_id int references customers, b_id ${column});
        create table b (id int primary key, customer_id int references customers, a_id int not null references a);
        insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
        insert into a values (1, 1, 1), (2, 2, 2); insert into b values (1, 1, 1), (2, 2, 2);
        alter table a add foreign key (b_id) references b ${option}`,
      tables: "customers: { treatment: erase }\na: { treatment: erase }\nb: { treatment: erase }",
    });
    await night.ask({ email: "ann@shop.example" });
    expect(await night.nightly()).toMatchObject({ outcome: "done" });
    expect([await left("a"), await left("b"), await left("customers")]).toMatchObject([
      [{ id: 2, b_id: 2 }],
      [{ id: 2, a_id: 2 }],
      [{ id: 2 }],
    ]);
    if (option !== "") await night.dispose();
  }
});

test("rows of partitions and of tables without a key are found and erased, also when a mention of them is cut", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table events (customer_id int references customers, at date, what text) partition by range (at);
      create table events_2025 partition of events for values from ('2025-01-01') to ('2026-01-01');
      create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
      create table transfers (payer int references customers, payee int references customers);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into events select n % 2 + 1, date '2025-06-01' + n * 60, 'x' from generate_series(0, 9) n;
      insert into transfers values (1, 2), (2, 1), (1, 1), (2, 2)`,
    tables:
      "customers: { treatment: erase }\nevents: { treatment: erase }\ntransfers: { treatment: erase, owner: payer }",
  });
  const [ann] = await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await night.store.query("select distinct customer_id, count(*) from events group by 1")).toEqual([
    { customer_id: 2, count: 5 },
  ]);
  expect(await night.store.query("select * from transfers order by payee")).toEqual([
    { payer: 2, payee: 2 },
    { payer: 2, payee: null },
  ]);
  expect(await night.dispositions(ann ?? "")).toEqual([
    "erase customers 1 0",
    "erase events 5 0",
    "erase transfers 2 0",
  ]);
});

test("a link that leads to several rows counts and changes each of its own once", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table orders (id int primary key, customer_id int references customers, ref text);
      create table papers (id int primary key, ref text, day date);
      insert into customers values (1, 'ann@shop.example');
      insert into orders values (1, 1, 'R'), (2, 1, 'R'), (3, 1, 'R'); insert into papers values (1, 'R', '2026-02-03'), (2, 'S', '2026-02-03')`,
    sections: "links:\n  - papers.ref -> orders.ref",
    tables: `customers: { treatment: erase }\norders: { treatment: erase }
papers: { treatment: retain, class: voucher, clock: day, columns: { ref: keep, day: keep } }`,
  });
  const [ann] = await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await night.dispositions(ann ?? "")).toEqual(["erase customers 1 0", "erase orders 3 0", "retain papers 1 0"]);
  expect(
    await night.state.query(
      "select until_first::text, until_last::text, basis from lethe.disposition where treatment = 'retain'",
    ),
  ).toEqual([{ until_first: "2035-01-01", until_last: "2035-01-01", basis: "HGB §257" }]);
});

test("materialised views over treated tables are refreshed, views of views after what they read", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      create view people as select email from customers;
      create materialized view z_first as select email from people;
      create materialized view a_second as select z.email from z_first z join customers c using (email)`,
    tables: "customers: { treatment: erase }",
  });
  await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 1 } });
  expect([await left("z_first"), await left("a_second")]).toEqual([
    [{ email: "bob@shop.example" }],
    [{ email: "bob@shop.example" }],
  ]);
});

test("generated columns follow, and totals that the policy conserves are equal before and after", async () => {
  night = await openNight({
    schema: `create table customers (id int generated always as identity primary key, email text, shout text generated always as (upper(email)) stored);
      create table events (id int primary key, customer_id int references customers, at timestamptz, amount numeric, note text);
      insert into customers (email) values ('ann@shop.example'), ('bob@shop.example');
      insert into events select n, n % 2 + 1, timestamptz '2026-01-20 10:00+00' + n * interval '7 days', n + 0.25, 'x' from generate_series(1, 8) n`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
events: { treatment: anonymise, conserve: [count, sum(amount)], clock: at, per: month,
  columns: { customer_id: { set: null }, at: { truncate: month }, amount: keep, note: { set: null } } }`,
  });
  await night.ask({ email: "bob@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await night.store.query("select shout from customers order by id")).toEqual([
    { shout: "ANN@SHOP.EXAMPLE" },
    { shout: null },
  ]);
  expect(
    await night.state.query("select measure, period::text, equal from lethe.conserved_told order by 1, 2"),
  ).toEqual([
    { measure: "count", period: "2026-01-01", equal: true },
    { measure: "count", period: "2026-02-01", equal: true },
    { measure: "count", period: "2026-03-01", equal: true },
    { measure: "sum(amount)", period: "2026-01-01", equal: true },
    { measure: "sum(amount)", period: "2026-02-01", equal: true },
    { measure: "sum(amount)", period: "2026-03-01", equal: true },
  ]);
});

test("a table that is anonymised by keeping every column is counted and left as it is", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table votes (id int primary key, customer_id int references customers, choice text);
      insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
      insert into votes values (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'a')`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
votes: { treatment: anonymise, columns: { customer_id: keep, choice: keep } }`,
  });
  const [ann] = await night.ask({ email: "ann@shop.example" });
  expect(await night.nightly()).toMatchObject({ outcome: "done" });
  expect(await night.dispositions(ann ?? "")).toEqual(["anonymise customers 1 0", "anonymise votes 2 0"]);
  expect(await left("votes")).toHaveLength(3);
});

test("a total that would change undoes the batch and is named", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table events (id int primary key, customer_id int references customers, amount numeric);
      insert into customers values (1, 'ann@shop.example'); insert into events values (1, 1, 5);
      create function clear() returns trigger language plpgsql as $$ begin new.amount := 0; return new; end $$;
      create trigger clear before update on events for each row execute function clear()`,
    tables: `customers: { treatment: erase }
events: { treatment: anonymise, conserve: [sum(amount)], columns: { customer_id: { set: null }, amount: keep } }`,
  });
  await night.ask({ email: "ann@shop.example" });
  await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "failed", code: "TOTALS_CHANGED" }]);
  expect(await left("events")).toEqual([{ id: 1, customer_id: 1, amount: "5" }]);
});
