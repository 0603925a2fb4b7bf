import { expect, test } from "vitest";
import { findingsBetween, placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const customers = "create table customers (id int primary key, email text);";
const customersRule = "customers: { treatment: anonymise, columns: { email: { set: null } } }";
const invoices = `${customers}
  create table visits (id int primary key, customer_id int references customers, city text);
  create table invoices (number text, issued_on date, foreign key (customer_id) references customers) inherits (visits);`;
const retained =
  "invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { id: keep, customer_id: keep, city: keep, number: keep, issued_on: keep } }";
const refused =
  "STORE_UNSUPPORTED table invoices inherits from visits: what is done to rows of visits would be done to its rows, too";

test.each([
  ["erased", "visits: { treatment: erase }"],
  [
    "put in order",
    "visits: { treatment: anonymise, order: random, columns: { customer_id: { set: null }, city: keep } }",
  ],
  ["kept", "visits: { treatment: keep, reason: nothing in it }"],
])("a table with people's rows, here %s, from which another inherits is refused", async (_, visits) => {
  const tables = `${customersRule}\n${visits}\n${retained}`;
  expect(await findingsBetween(invoices, { tables })).toEqual([refused]);
});

test("the finding stands at the rule, and says how to take the tables apart", async () => {
  const tables = `${customersRule}\nvisits: { treatment: erase }\n${retained}`;
  const [found] = await placedFindings(invoices, { tables });
  expect(found?.at).toMatch(/^visits: /);
  expect(found?.hint).toContain("ALTER TABLE invoices NO INHERIT visits");
});

test("a table that inherits from one of which nobody's rows are known is refused for its own rows", async () => {
  const schema = `${customers} create table logged (at date);
    create table visits (id int primary key, customer_id int references customers) inherits (logged);`;
  const tables = `${customersRule}\nvisits: { treatment: erase }`;
  expect(await findingsBetween(schema, { tables })).toEqual([
    expect.stringMatching(/^STORE_UNSUPPORTED table visits inherits from logged/),
  ]);
});

test("what inherits in a schema that is not the store's is refused, too", async () => {
  const schema = `${customers} create table visits (id int primary key, customer_id int references customers);
    create schema old; create table old.visits () inherits (public.visits);`;
  const tables = `${customersRule}\nvisits: { treatment: erase }`;
  expect(await findingsBetween(schema, { tables })).toEqual([
    expect.stringMatching(/^STORE_UNSUPPORTED table old\.visits inherits from visits/),
  ]);
});

test("tables whose rows expire, are remedied, or are counts are refused likewise, where no reference leads to them", async () => {
  const pair = "create table logs (at date, n int, day date unique); create table logs_old () inherits (logs);";
  const finding = [expect.stringMatching(/^STORE_UNSUPPORTED table logs_old inherits from logs/)];
  const expires = "logs: { treatment: keep, reason: technical, expires: { after: P1Y, clock: at, why: security } }";
  expect(await findingsBetween(`${customers} ${pair}`, { tables: `${customersRule}\n${expires}` })).toEqual(finding);
  const counted = `${customersRule}
visits: { treatment: anonymise, quasi: [], clock: at, columns: { customer_id: keep, at: keep }, aggregate: { into: logs, count: n, period: day, other: {} } }`;
  const visits = "create table visits (customer_id int references customers, at date not null);";
  expect(await findingsBetween(`${customers} ${pair} ${visits}`, { tables: counted })).toEqual(finding);
});

test("tables that nobody's rows are in, and that the policy leaves alone, inherit as they like; and partitions are no heirs", async () => {
  const schema = `${customers} create table logs (at date); create table logs_old () inherits (logs);
    create table visits (customer_id int references customers, at date) partition by range (at);
    create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');`;
  const tables = `${customersRule}\nvisits: { treatment: erase }\nlogs: { treatment: keep, reason: technical }`;
  expect(await findingsBetween(schema, { tables })).toEqual([]);
});
