import { afterEach, expect, test } from "vitest";
import { refuseRequest } from "#intake/decide.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const customers = (count: number) => `
  create table customers (id int primary key, email text unique, name text);
  insert into customers select n, 'p' || n || '@shop.example', 'P' || n from generate_series(1, ${count}) n;
  create table orders (id int primary key, customer_id int not null references customers, note text);
  insert into orders select n, n, 'order of ' || n from generate_series(1, ${count}) n;`;
const anonymised = "customers: { treatment: anonymise, columns: { email: { set: null }, name: { set: null } } }";
const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `p${n + 1}@shop.example` }));

test("of a thousand subjects the one that violates a constraint stays whole, and is named, while the others finish", async () => {
  night = await openNight({
    schema: `${customers(1000)}
      -- the database learns of it only when the row changes
      create function refuse() returns trigger language plpgsql as $$ begin
        if old.id = 437 then raise exception using errcode = '23514', constraint = 'customers_email_key', table = 'customers'; end if;
        return new; end $$;
      create trigger refuse before update on customers for each row execute function refuse()`,
    tables: `${anonymised}\norders: { treatment: erase }`,
  });
  const refs = await night.ask(...people(1000));
  const summary = await night.nightly();
  expect(summary).toMatchObject({ outcome: "attention", requests: { received: 1000, done: 999, failed: 1 } });
  expect(await night.requests(refs[436] ?? "")).toEqual([
    {
      ref: refs[436],
      state: "failed",
      code: "CONSTRAINT_VIOLATED",
      detail: expect.objectContaining({
        store: "shop",
        table: "customers",
        constraint: "customers_email_key",
        sqlstate: "23514",
      }),
    },
  ]);
  expect(await night.store.query("select * from customers where email is not null")).toEqual([
    { id: 437, email: "p437@shop.example", name: "P437" },
  ]);
  expect(await night.store.query("select id from orders")).toEqual([{ id: 437 }]);
  expect(await night.store.query("select count(*) from lethe.journal_request")).toEqual([{ count: 999 }]);
});

test("whatever a trigger raises for one subject, or chokes on, is that subject's failure, and no name that it makes up is written down", async () => {
  night = await openNight({
    schema: `${customers(9)}
      create function refuse() returns trigger language plpgsql as $$ begin
        case old.id
          when 1 then raise exception 'not now' using errcode = 'SHP01';
          when 2 then raise exception 'not now' using errcode = '55000', table = old.note, column = old.note, constraint = old.note;
          when 3 then raise exception 'not now' using errcode = '42501';
          when 5 then raise exception 'not now' using errcode = '0A000';
          when 6 then raise exception 'not now' using errcode = 'XX000';
          when 8 then execute 'select from nowhere';
          else end case; return old; end $$;
      create trigger refuse before delete on orders for each row execute function refuse();
      -- longer than its index takes, once it is redacted
      create table texts (customer_id int primary key references customers, body text);
      alter table texts alter body set storage external; create index on texts (body);
      insert into texts select 9, left(string_agg('P9 ' || left(md5(n::text), 6), ' ' order by n), 2600) from generate_series(1, 400) n`,
    subject: "{ table: customers, key: id, identifiers: { email: email }, names: [name] }",
    tables: `${anonymised}\norders: { treatment: erase }\ntexts: { treatment: anonymise, columns: { body: { redact: identifiers } } }`,
  });
  await night.ask(...people(9));
  await night.nightly();
  const failed = (sqlstate: string) => ({ state: "failed", code: "CONSTRAINT_VIOLATED", detail: { sqlstate } });
  const done = { state: "completed" };
  const requests = await night.requests();
  expect(requests).toMatchObject([
    failed("SHP01"),
    failed("55000"),
    failed("42501"),
    done,
    failed("0A000"),
    failed("XX000"),
    done,
    failed("42P01"),
    failed("54000"),
  ]);
  expect(Object.keys(requests[1]?.detail ?? {}).toSorted()).toEqual(["hint", "sqlstate", "store"]);
  expect(night.logged()).not.toContain("order of");
  expect(await night.store.query("select id from orders order by id")).toEqual(
    [1, 2, 3, 5, 6, 8, 9].map((id) => ({ id })),
  );
});

test("what befalls both halves of a batch alike is the store's fault, and fails nobody", async () => {
  night = await openNight({
    schema: `${customers(5)}
      create sequence tries;
      create function refuse() returns trigger language plpgsql as $$ begin perform nextval('tries'); execute 'select from nowhere'; return old; end $$;
      create trigger refuse before delete on orders for each row execute function refuse()`,
    tables: `${anonymised}\norders: { treatment: erase }`,
  });
  await night.ask(...people(5));
  await expect(night.nightly()).rejects.toMatchObject({ code: "DATABASE_FAILED" });
  expect(await night.requests()).not.toContainEqual(expect.objectContaining({ state: "failed" }));
  // All five, then each half: what counts them is not undone with the batch.
  expect(await night.store.query("select last_value::int as tries from tries")).toEqual([{ tries: 3 }]);
  expect(await night.state.query("select from lethe.batch")).toEqual([]);
});

test("a date from which no period can be counted fails its own subject before the commit, and wedges nothing", async () => {
  night = await openNight({
    schema: `${customers(6)}
      create table invoices (id int primary key, customer_id int not null references customers, issued_on date not null);
      insert into invoices values (1, 1, 'infinity'), (2, 2, '20206-05-01'), (3, 3, '0044-03-15 BC'), (4, 4, '2026-01-01'), (5, 5, '9999-12-31');
      create table visits (at timestamptz, customer_id int references customers, page text);
      insert into visits values ('-infinity', 6, 'p6@shop.example'), ('2026-03-04 12:00Z', 4, 'p4@shop.example')`,
    tables: `${anonymised}\norders: { treatment: erase }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep } }
visits: { treatment: anonymise, conserve: [count], clock: at, per: month, columns: { at: keep, customer_id: keep, page: { set: x } } }`,
  });
  await night.ask(...people(6));
  await night.nightly();
  const failed = (table: string, column: string) => ({
    state: "failed",
    code: "CLOCK_UNREADABLE",
    detail: { store: "shop", table, column, rows: 1 },
  });
  const invoice = failed("invoices", "issued_on");
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([invoice, invoice, invoice, done, done, failed("visits", "at")]);
  expect(await night.store.query("select id from orders order by id")).toEqual([1, 2, 3, 6].map((id) => ({ id })));
  const until =
    "select until_last::text as until from lethe.disposition where table_name = 'invoices' order by until_last";
  // The last day that can be written down.
  expect(await night.state.query(until)).toEqual([{ until: "2035-01-01" }, { until: "9999-12-31" }]);
  await night.store.query("update invoices set issued_on = '2026-01-01'");
  const [first = ""] = (await night.requests()).map(({ ref }) => ref);
  await night.approve(first);
  await night.nightly();
  expect(await night.requests(first)).toMatchObject([done]);
});

test("a locked row makes its own request wait for the next night and no other", async () => {
  night = await openNight({
    schema: customers(5),
    tables: `${anonymised}\norders: { treatment: erase }`,
    store: { lockTimeoutMs: 100 },
  });
  const refs = await night.ask(...people(5));
  const other = await night.store.pool.raw.connect();
  try {
    await other.query("begin");
    await other.query("select from customers where id = 3 for update");
    expect(await night.nightly()).toMatchObject({ requests: { done: 4, failed: 1 } });
    expect(await night.requests(refs[2] ?? "")).toMatchObject([{ state: "failed", code: "ROW_LOCKED" }]);
    expect(await night.store.query("select id from orders")).toEqual([{ id: 3 }]);
    await other.query("rollback");
  } finally {
    other.release();
  }
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 5, failed: 0 } });
  expect(await night.store.query("select id from orders")).toEqual([]);
});

test("a statement that takes too long for one subject's rows stops that subject only", async () => {
  night = await openNight({
    schema: `${customers(4)}
      create function dawdle() returns trigger language plpgsql as $$ begin
        if old.id = 2 then perform pg_sleep(60); end if; return old; end $$;
      create trigger dawdle before delete on orders for each row execute function dawdle()`,
    tables: `${anonymised}\norders: { treatment: erase }`,
    store: { statementTimeoutMs: 1500, lockTimeoutMs: 500 },
  });
  const refs = await night.ask(...people(4));
  expect(await night.nightly()).toMatchObject({ requests: { done: 3, failed: 1 } });
  expect(await night.requests(refs[1] ?? "")).toMatchObject([{ state: "failed", code: "STATEMENT_TIMEOUT" }]);
  expect(await night.store.query("select id, email from customers where email is not null")).toEqual([
    { id: 2, email: "p2@shop.example" },
  ]);
  await night.store.query(
    "create or replace function public.dawdle() returns trigger language plpgsql as 'begin return old; end'",
  );
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 4, failed: 0 } });
});

test("what is refused only at the commit is one subject's failure too", async () => {
  night = await openNight({
    schema: `${customers(4)}
      create function refuse() returns trigger language plpgsql as $$ begin
        if old.id = 2 then raise exception using errcode = '23503', constraint = 'late', table = 'orders'; end if; return null; end $$;
      create constraint trigger late after delete on orders deferrable initially deferred for each row execute function refuse()`,
    tables: `${anonymised}\norders: { treatment: erase }`,
  });
  const refs = await night.ask(...people(4));
  expect(await night.nightly()).toMatchObject({ requests: { done: 3, failed: 1 } });
  expect(await night.requests(refs[1] ?? "")).toMatchObject([
    { state: "failed", code: "CONSTRAINT_VIOLATED", detail: { constraint: "late" } },
  ]);
  expect(await night.store.query("select id from orders")).toEqual([{ id: 2 }]);
});

test("blockers stop a request with nothing changed, and it goes on by itself once they are gone", async () => {
  night = await openNight({
    schema: `${customers(3)} alter table orders add status text default 'done'; update orders set status = 'open' where id = 2`,
    tables: `${anonymised}\norders: { treatment: erase }`,
    blockers: "- { code: ORDER_OPEN, when: { table: orders, status: open }, then: block, hint: ship it }",
  });
  const refs = await night.ask(...people(3));
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 2, pending: 1, blocked: 1 } });
  const blocked = {
    state: "blocked",
    code: "ORDER_OPEN",
    detail: { store: "shop", table: "orders", rows: 1, hint: "ship it" },
  };
  expect(await night.requests(refs[1] ?? "")).toMatchObject([blocked]);
  expect(await night.store.query("select id, name from customers where name is not null")).toEqual([
    { id: 2, name: "P2" },
  ]);
  await night.nightly();
  expect(await night.requests(refs[1] ?? "")).toMatchObject([blocked]);
  await night.store.query("update orders set status = 'done'");
  expect(await night.nightly()).toMatchObject({ requests: { done: 3, blocked: 0 } });
  const kinds = await night.state.query<{ kind: string }>(
    "select kind from lethe.ledger_entry where request_ref = $1 order by index",
    [refs[1]],
  );
  expect(kinds.map(({ kind }) => kind).slice(3)).toEqual([
    "request.blocked",
    "request.unblocked",
    "request.erasing",
    "request.erased",
    "request.completed",
  ]);
});

test("identifiers that nobody or several people answer to block the request", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text); create table orders (id int primary key);
      insert into customers values (1, 'twin@shop.example'), (2, 'Twin@Shop.Example'), (3, 'one@shop.example')`,
    tables: "customers: { treatment: erase }",
  });
  const refs = await night.ask(
    { email: "twin@shop.example" },
    { email: "nobody@shop.example" },
    { email: "one@shop.example" },
    { email: "twin2@shop.example", key: "3" },
  );
  expect(await night.nightly()).toMatchObject({ outcome: "done", requests: { done: 2, blocked: 2 } });
  expect(await night.requests(...refs)).toMatchObject([
    { state: "blocked", code: "SUBJECT_AMBIGUOUS", detail: { store: "shop", rows: 2 } },
    { state: "blocked", code: "SUBJECT_NOT_FOUND" },
    { state: "completed" },
    { state: "completed" },
  ]);
  expect(await night.store.query("select id from customers order by id")).toEqual([{ id: 1 }, { id: 2 }]);
  await night.store.query(
    "delete from customers where id = 2; insert into customers values (4, 'nobody@shop.example')",
  );
  expect(await night.nightly()).toMatchObject({ requests: { done: 4, blocked: 0 } });
  expect(await night.store.query("select id from customers")).toEqual([]);
});

test("who is one of two people is erased by a request for the key alone, once the one for both is refused, as its hint says", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      insert into customers values (1, 'twin@shop.example'), (2, 'twin@shop.example')`,
    tables: "customers: { treatment: erase }",
  });
  const [both = ""] = await night.ask({ email: "twin@shop.example" });
  await night.nightly();
  const [request] = await night.requests(both);
  expect(request).toMatchObject({ code: "SUBJECT_AMBIGUOUS" });
  expect(request?.detail?.hint).toMatch(/refuse this request; then add one with nothing but .* its key$/);
  await refuseRequest(night.context, both, { by: "dpo", reason: "identity-not-proven" });
  const [one = ""] = await night.ask({ key: "1" });
  await night.nightly();
  await night.nightly();
  expect(await night.requests(one)).toMatchObject([{ state: "completed" }]);
  expect(await night.store.query("select id from customers")).toEqual([{ id: 2 }]);
});

test("two root rows are noticed wherever the pair falls in the reading", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 1200) n;
      insert into customers select n + 2000, 'p' || n || '@shop.example' from generate_series(990, 1010) n`,
    tables: "customers: { treatment: erase }",
  });
  await night.ask(...people(1200));
  expect(await night.erase()).toMatchObject({ requests: { received: 1200, pending: 1200, blocked: 21 } });
  expect(await night.store.query("select count(*) from customers")).toEqual([{ count: 42 }]);
  // Nor is one of two saved as the person whom a request means: the next night would erase them.
  expect(await night.state.query("select count(*) from lethe.identity")).toEqual([{ count: 1179 }]);
});
