import { expect, test } from "vitest";
import { findingsBetween, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const customers = "create table customers (id int primary key, email text)";
const customersRule = "customers: { treatment: anonymise, columns: { email: { unique: 'e-{random}@invalid' } } }";
const orders = `${customers}; create table orders (id int primary key, customer_id int references customers, note text)`;

const findings = (schema: string, tables: string, sections = "") => findingsBetween(schema, { tables, sections });

test("a policy that covers what can be reached has no findings", async () => {
  expect(await findings(orders, `${customersRule}\norders: { treatment: erase }`)).toEqual([]);
});

test("a table that refers to the subject needs a rule", async () => {
  expect(await findings(orders, customersRule)).toEqual([
    "POLICY_TABLE_UNCOVERED table orders is reachable from customers (orders.customer_id refers to customers) and has no rule",
  ]);
});

test("a table that an owned table refers to needs a rule, if only to keep it", async () => {
  const schema = `create table stores (id int primary key); ${orders}; alter table orders add store_id int references stores`;
  const tables = `${customersRule}\norders: { treatment: erase }`;
  expect(await findings(schema, tables)).toEqual([expect.stringMatching(/^POLICY_TABLE_UNCOVERED table stores /)]);
  expect(await findings(schema, `${tables}\nstores: { treatment: keep, reason: shops }`)).toEqual([]);
});

test("every column of a table whose rows stay needs a treatment, but for keys and generated columns", async () => {
  const schema = `create table customers (id int primary key, email text, name text,
    label text generated always as (upper(name)) stored)`;
  expect(await findings(schema, customersRule)).toEqual([
    "POLICY_COLUMN_UNCOVERED column customers.name (text) has no treatment",
  ]);
});

test("tables and columns that do not exist are named, wherever the policy mentions them", async () => {
  const tables = `${customersRule}\nordres: { treatment: erase }\norders: { treatment: anonymise, columns: { customer_id: keep, note: keep, nte: keep } }`;
  expect(await findings(orders, tables)).toEqual([
    "POLICY_TABLE_MISSING the store has no table ordres",
    "POLICY_COLUMN_MISSING table orders has no column nte",
  ]);
  const erased = "orders: { treatment: erase, owner: buyer }";
  expect(await findings(orders, `${customersRule}\n${erased}`)).toContain(
    "POLICY_COLUMN_MISSING table orders has no column buyer",
  );
});

test("a table that a remedy's changes are copied into needs a rule, though the remedied table is kept", async () => {
  const schema = `${orders}; create table audit (note text);
    create function log() returns trigger language plpgsql as $$ begin insert into audit values (old.note); return new; end $$;
    create trigger log after update on orders for each row execute function log()`;
  const parts = { tables: `${customersRule}\norders: { treatment: keep, reason: books }` };
  const blockers = "- { code: NOTED, when: { table: orders, note: x }, then: { unlink: note } }";
  expect(await findingsBetween(schema, parts)).toEqual([]);
  expect(await findingsBetween(schema, { ...parts, blockers })).toEqual([
    "POLICY_TABLE_UNCOVERED trigger log of orders copies rows into audit, which has no rule",
  ]);
});

test("a rule for rows that belong to nobody is refused", async () => {
  const schema = `${customers}; create table logs (id int primary key, line text)`;
  expect(await findings(schema, `${customersRule}\nlogs: { treatment: erase }`)).toEqual([
    "POLICY_UNREACHABLE no reference leads from customers to logs, so its rows belong to nobody",
  ]);
  const links = "links:\n  - logs.line -> customers.email";
  expect(await findings(schema, `${customersRule}\nlogs: { treatment: erase }`, links)).toEqual([]);
});

test("links to tables and columns that do not exist are refused", async () => {
  const links = "links:\n  - orders.note -> customers.mail\n  - bills.customer -> customers.id";
  const found = await findings(orders, `${customersRule}\norders: { treatment: erase }`, links);
  expect(found).toContain("POLICY_COLUMN_MISSING table customers has no column mail");
  expect(found).toContain("POLICY_TABLE_MISSING the store has no table bills");
});

const copying = (statement: string, events: string) => `
  create function copy() returns trigger language plpgsql as $$ begin ${statement}; return null; end $$;
  create trigger copy after ${events} on customers for each row execute function copy()`;

test.each([
  ["by its name", "create table log (row jsonb)", "insert into log values (to_jsonb(old))", "log"],
  [
    "in another schema",
    "create schema audit; create table audit.log (row jsonb)",
    "insert into audit.log values (to_jsonb(old))",
    "audit.log",
  ],
  [
    "through the search path",
    "create schema audit; create table audit.log (row jsonb)",
    "insert into log values (to_jsonb(old))",
    "audit.log",
  ],
  ["in capitals", 'create table "Log" (row jsonb)', 'INSERT INTO "Log" VALUES (to_jsonb(old))', "Log"],
])("a table that a trigger copies into needs a rule, named %s", async (_, table, statement, name) => {
  const schema = `${customers}; ${table}; ${copying(statement, "update or delete")}`;
  const found = await findingsBetween(schema, { tables: customersRule }, []);
  expect(found).toEqual([
    `POLICY_TABLE_UNCOVERED trigger copy of customers copies rows into ${name}, which has no rule`,
  ]);
});

test("a trigger of a single partition counts like one of the whole table", async () => {
  const schema = `${customers}; create table log (row jsonb);
    create table events (id int, customer_id int references customers, at date) partition by range (at);
    create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
    create function copy() returns trigger language plpgsql as $$ begin insert into log values (to_jsonb(old)); return null; end $$;
    create trigger copy after delete on events_2026 for each row execute function copy()`;
  expect(await findings(schema, `${customersRule}\nevents: { treatment: erase }`)).toEqual([
    "POLICY_TABLE_UNCOVERED trigger copy of events copies rows into log, which has no rule",
  ]);
});

test("a table outside the configured schemas that refers into them is named", async () => {
  const schema = `${customers}; create schema billing; create table billing.bills (id int primary key, customer_id int references customers on delete cascade)`;
  const erase = "customers: { treatment: erase }";
  expect(await findings(schema, erase)).toEqual([
    expect.stringMatching(/^POLICY_TABLE_UNCOVERED table billing\.bills .*customers/),
  ]);
  expect(
    await findingsBetween(schema, { tables: `${erase}\nbilling.bills: { treatment: erase }` }, ["public", "billing"]),
  ).toEqual([]);
});

test("views cannot be treated, only the tables they read", async () => {
  const schema = `${customers}; create view people as select * from customers`;
  expect(await findings(schema, `${customersRule}\npeople: { treatment: erase }`)).toEqual([
    expect.stringMatching(/^STORE_UNSUPPORTED people is a view/),
  ]);
});

test("a subject's key that is not unique is refused", async () => {
  const schema = "create table customers (id int, email text)";
  expect(await findings(schema, "customers: { treatment: erase }")).toEqual([
    "POLICY_CONTRADICTION customers.id does not identify one row: it is neither the primary key nor unique and NOT NULL",
  ]);
});

test("a blocker on a table that is not reached, or on a column that is not there, is refused", async () => {
  const schema = `${customers}; create table logs (id int primary key, state text)`;
  const blockers = "- { code: STILL_LOGGED, when: { table: logs, stat: open }, then: block }";
  const found = await findingsBetween(schema, { tables: customersRule, blockers });
  expect(found).toEqual([
    "POLICY_COLUMN_MISSING table logs has no column stat",
    "POLICY_UNREACHABLE blocker STILL_LOGGED looks at logs, which no reference reaches from customers",
  ]);
});

test("a clock that tells no date is refused", async () => {
  const tables = `${customersRule}\norders: { treatment: retain, class: voucher, clock: note, columns: { customer_id: keep, note: keep } }`;
  expect(await findings(orders, tables)).toEqual([
    "POLICY_CONTRADICTION clock orders.note is text, not a date or a timestamp",
  ]);
});
