import { expect, test } from "vitest";
import { findingsBetween, placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const customers = "create table customers (id int primary key, email text);";
const customersRule = "customers: { treatment: anonymise, columns: { email: { set: null } } }";
const noted = (clause: string) => `${customers}
  create table visits (id int not null, customer_id int references customers, at date not null, city text, primary key (id, at)) partition by range (at);
  create table visits_20s partition of visits for values from ('2020-01-01') to ('2030-01-01') partition by range (at);
  create table visits_2025 partition of visits_20s for values from ('2025-01-01') to ('2026-01-01');
  create table notes (id int primary key, visit_id int, visit_at date, body text, foreign key (visit_id, visit_at) references visits_2025 ${clause});`;
const rules = (visits: string) => ({
  tables: `${customersRule}\nvisits: ${visits}\nnotes: { treatment: keep, reason: notes }`,
});

test("a table that refers to a single partition is reached, and needs a rule", async () => {
  const tables = `${customersRule}\nvisits: { treatment: erase }`;
  expect(await findingsBetween(noted(""), { tables })).toEqual([
    "POLICY_TABLE_UNCOVERED table notes is reachable from customers (notes.visit_id,visit_at refers to visits) and has no rule",
  ]);
});

const columns = (city = "keep") => `columns: { customer_id: { set: null }, at: keep, city: ${city} }`;

test.each([
  ["erased", "{ treatment: erase }", "POLICY_CASCADE", /make the database delete from notes too/],
  [
    "put in order",
    `{ treatment: anonymise, order: random, ${columns()} }`,
    "POLICY_CONTRADICTION",
    /rows of notes refer/,
  ],
  [
    "given new keys",
    "{ treatment: anonymise, columns: { id: { rekey: random }, customer_id: keep, at: keep, city: keep } }",
    "POLICY_CONTRADICTION",
    /rows of notes go on referring/,
  ],
])("rows to which others refer by their partition are not %s", async (_, visits, code, message) => {
  const found = await placedFindings(noted("on delete cascade"), rules(visits));
  expect(found).toMatchObject([{ code, message: expect.stringMatching(message) as string }]);
});

test("rows to which others refer by their partition do not become counts", async () => {
  const schema = `${noted("on delete cascade")} create table cities (city text primary key, n int);`;
  const aggregate = "aggregate: { into: cities, count: n, other: { city: other } }";
  const found = await findingsBetween(
    schema,
    rules(`{ treatment: anonymise, quasi: [city], ${columns()}, ${aggregate} }`),
  );
  expect(found).toEqual([expect.stringMatching(/rows of notes refer to rows that would go \(notes_visit_id/)]);
});

test("a table of another schema that refers to a single partition is an outsider", async () => {
  const schema = `${noted("")} create schema other; alter table notes set schema other;`;
  expect(await findingsBetween(schema, { tables: `${customersRule}\nvisits: { treatment: erase }` })).toEqual([
    expect.stringMatching(/^POLICY_TABLE_UNCOVERED table other\.notes refers to visits \(notes_/),
  ]);
});

test("a foreign key that a single partition has is refused where it leads to rows that change, or expire", async () => {
  const alone = (to: string) => `${customers} create table places (id int primary key, at date);
    create table visits (id int, customer_id int, place_id int, at date) partition by range (at);
    create table visits_2025 partition of visits for values from ('2025-01-01') to ('2026-01-01');
    alter table visits_2025 add constraint alone foreign key ${to} on delete cascade;`;
  const finding = (to: string) => [
    `STORE_UNSUPPORTED partition visits_2025 refers to ${to} by a foreign key of its own (alone): rules are for visits as a whole`,
  ];
  const toCustomers = alone("(customer_id) references customers");
  const toPlaces = alone("(place_id) references places");
  const places = (rest = "") => ({
    tables: `${customersRule}\nplaces: { treatment: keep, reason: no personal data${rest} }`,
  });
  expect(await findingsBetween(toCustomers, { tables: customersRule })).toEqual(finding("customers"));
  expect(await findingsBetween(toPlaces, places())).toEqual([]);
  const expires = ", expires: { after: P1Y, clock: at, why: closed }";
  expect(await findingsBetween(toPlaces, places(expires))).toEqual(finding("places"));
});
