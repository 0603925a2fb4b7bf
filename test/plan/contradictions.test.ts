import { expect, test } from "vitest";
import { findingsBetween, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

/** What is wrong with `treatment` on a column `c` of the given definition, with the table's further constraints. */
const setting = async (definition: string, treatment: string, constraints = "") => {
  const schema = `create type mood as enum ('good', 'bad'); create domain code as text check (value ~ '^[A-Z]+$');
    create domain given as text not null; create table countries (code text primary key);
    create table customers (id int primary key, email text, c ${definition}${constraints}); insert into customers values (1, null, default)`;
  const tables = `customers: { treatment: anonymise, columns: { email: { set: null }, c: ${treatment} } }
countries: { treatment: keep, reason: countries }`;
  return findingsBetween(schema, { tables });
};

test.each([
  ["null into NOT NULL", "text not null default ''", "{ set: null }", /null into a NOT NULL column/],
  ["null into a domain that is NOT NULL", "given default ''", "{ set: null }", /cannot hold/],
  ["a constant into UNIQUE", "text unique", "{ set: x }", /one constant into a UNIQUE column/],
  ["a constant into a foreign key", "text references countries", "{ set: DE }", /a constant into a foreign key/],
  ["a constant that is too long", "varchar(3)", "{ set: erased }", /longer than character varying\(3\)/],
  ["a constant of another type", "int", "{ set: erased }", /is integer and cannot hold/],
  ["a constant that is no label", "mood", "{ set: erased }", /is mood and cannot hold/],
  ["a constant that a domain forbids", "code", "{ set: erased }", /is code and cannot hold/],
  ["a constant that is no JSON", "jsonb", "{ set: erased }", /is jsonb and cannot hold/],
  ["a unique text that is too long", "varchar(20)", "{ unique: 'e-{random}' }", /22 characters, too long/],
  ["a unique text into a number", "int", "{ unique: 'e-{random}' }", /needs a text column/],
  ["a unique text into a uuid", "uuid", "{ unique: 'e-{random}' }", /is uuid and cannot hold/],
  ["redacting a number", "int", "{ redact: identifiers }", /needs text, JSON or an array/],
  ["redacting a uuid", "uuid", "{ redact: identifiers }", /needs text, JSON or an array/],
  ["redacting numbers", "int[]", "{ redact: identifiers }", /needs text, JSON or an array/],
  ["truncating text", "text", "{ truncate: month }", /needs a date or timestamp/],
  ["generalising a number", "int", "{ generalise: { map: {}, otherwise: null } }", /needs a text column/],
  ["generalising into UNIQUE", "text unique", "{ generalise: { map: {}, otherwise: x } }", /into a UNIQUE column/],
  [
    "generalising to null in NOT NULL",
    "text not null default ''",
    "{ generalise: { map: {}, otherwise: null } }",
    /NOT NULL/,
  ],
  [
    "generalising to more than fits",
    "varchar(3)",
    "{ generalise: { map: { a: long }, otherwise: null } }",
    /more than fits/,
  ],
  ["generalising to what a domain forbids", "code", "{ generalise: { map: {}, otherwise: other } }", /cannot hold/],
  ["a generated column", "text generated always as ('x') stored", "{ set: null }", /is generated/],
  ["an identity column", "int generated always as identity", "{ set: null }", /identifies the row/],
  [
    "a check that forbids the value alone",
    "text check (c <> 'erased')",
    "{ set: erased }",
    /check constraint .* forbids/,
  ],
  ["a value on which a check fails", "text check (c::int > 0)", "{ set: erased }", /check constraint .* forbids/],
  ["bands of text", "text", "{ band: { width: 5 } }", /\{band\} needs a column of numbers/],
  ["an end that is too large", "smallint", "{ code: { top: 100000 } }", /is smallint and cannot hold/],
  ["an end with decimals", "int", "{ code: { bottom: 0.5 } }", /\{code\} has more decimals than integer/],
  ["bands between whole numbers", "int", "{ band: { width: 7.5 } }", /\{band\} has more decimals than integer/],
  ["bands finer than cents", "numeric(9,2)", "{ band: { width: 1e-7 } }", /more decimals than numeric\(9,2\)/],
  ["rare JSON", "json", "{ rare: { below: 2, otherwise: null } }", /customers.c is json: PostgreSQL cannot tell/],
  ["a mean into UNIQUE", "int unique", "{ mean: [] }", /\{mean\} into a UNIQUE column/],
  [
    "a rare value that becomes null in NOT NULL",
    "text not null default ''",
    "{ rare: { below: 2, otherwise: null } }",
    /NOT NULL/,
  ],
  [
    "a rare value that becomes what is no label",
    "mood",
    "{ rare: { below: 2, otherwise: none } }",
    /\{rare\} needs a text column/,
  ],
])("%s is refused", async (_, definition, treatment, message) => {
  expect(await setting(definition, treatment)).toEqual([expect.stringMatching(/^POLICY_CONTRADICTION /)]);
  expect(await setting(definition, treatment)).toEqual([expect.stringMatching(message)]);
});

test.each([
  ["text", "{ set: erased }"],
  ["varchar(6)", "{ set: erased }"],
  ["mood", "{ set: bad }"],
  ["code", "{ set: ERASED }"],
  ["int", "{ set: 0 }"],
  ["boolean", "{ set: false }"],
  ["jsonb", "{ set: '{}' }"],
  ["text[]", "{ set: '{}' }"],
  ["text[]", "{ redact: identifiers }"],
  ["varchar(22) unique", "{ unique: 'e-{random}' }"],
  ["timestamptz", "{ truncate: day }"],
  ["numeric(9,2)", "{ band: { width: 0.25 } }"],
  ["real", "{ code: { bottom: 0.001, top: 1000000000 } }"],
  ["text references countries", "{ set: null }"],
  ["text check (c <> 'x')", "{ set: erased }"],
])("a column %s can be treated by %s", async (definition, treatment) => {
  expect(await setting(definition, treatment)).toEqual([]);
});

test("a check over set and kept columns is tried on rows that are there", async () => {
  const check = ", status text default 'open', check (status <> 'open' or c is not null)";
  const schema = (row: string) =>
    `create table customers (id int primary key, email text, c text${check}); insert into customers values ${row}`;
  const tables =
    "customers: { treatment: anonymise, columns: { email: { set: null }, c: { set: null }, status: keep } }";
  expect(await findingsBetween(schema("(1, null, 'x', 'open')"), { tables })).toEqual([
    expect.stringMatching(/^POLICY_CONTRADICTION .*customers_check.* forbids what the policy sets c to/),
  ]);
  expect(await findingsBetween(schema("(1, null, 'x', 'closed')"), { tables })).toEqual([]);
});

const subject = "create table customers (id int primary key, email text)";
const anonymised = "customers: { treatment: anonymise, columns: { email: { set: null } } }";
const erased = "customers: { treatment: erase }";
const retained =
  "invoices: { treatment: retain, class: voucher, clock: day, columns: { customer_id: keep, day: keep } }";
const invoices = (reference: string) =>
  `${subject}; create table invoices (id int primary key, customer_id int ${reference}, day date)`;

test("transforming a primary key is refused", async () => {
  const schema = `${subject}; create table notes (id text primary key, customer_id int references customers)`;
  const tables = `${anonymised}\nnotes: { treatment: anonymise, columns: { id: { redact: identifiers }, customer_id: keep } }`;
  expect(await findingsBetween(schema, { tables })).toEqual([
    "POLICY_CONTRADICTION notes.id: the column identifies the row",
  ]);
});

test("a cascade into a retained table is refused", async () => {
  const schema = invoices("references customers on delete cascade");
  expect(await findingsBetween(schema, { tables: `${erased}\n${retained}` })).toEqual([
    expect.stringMatching(/^POLICY_CASCADE erasing customers would make the database delete from invoices too/),
  ]);
  expect(await findingsBetween(schema, { tables: `${anonymised}\n${retained}` })).toEqual([]);
});

test("a cascade into a retained table is refused further down too", async () => {
  const schema = `${subject}; create table orders (id int primary key, customer_id int references customers);
    create table invoices (id int primary key, customer_id int, day date, order_id int references orders on delete cascade)`;
  const rules = `${anonymised}\norders: { treatment: erase }\n${retained.replace("columns: { ", "columns: { order_id: keep, ")}`;
  expect(await findingsBetween(schema, { tables: rules })).toEqual([
    expect.stringMatching(/^POLICY_CASCADE erasing orders would make the database delete from invoices too/),
  ]);
});

test("rows that stay must not refer to rows that go", async () => {
  expect(
    await findingsBetween(invoices("not null references customers"), { tables: `${erased}\n${retained}` }),
  ).toEqual([expect.stringMatching(/^POLICY_CONTRADICTION rows of invoices stay and refer to rows of customers/)]);
  const cut = retained.replace("customer_id: keep", "customer_id: { set: null }");
  expect(await findingsBetween(invoices("references customers"), { tables: `${erased}\n${cut}` })).toEqual([]);
});

test("a hierarchy in which the database would delete other people's rows is refused", async () => {
  const schema =
    "create table customers (id int primary key, email text, parent_id int not null references customers on delete cascade)";
  expect(await findingsBetween(schema, { tables: erased })).toEqual([
    expect.stringMatching(
      /^POLICY_CASCADE erasing a row of customers would make the database delete other people's rows/,
    ),
  ]);
});

const circle = (first: string, second: string) => `${subject};
  create table a (id int primary key, customer_id int references customers, b_id int);
  create table b (id int primary key, customer_id int references customers, a_id int ${second});
  alter table a alter b_id ${first.includes("not null") ? "set not null" : "drop not null"},
    add foreign key (b_id) references b ${first.replace("not null", "")};
  alter table b add foreign key (a_id) references a`;

test("tables that refer to each other by references that can neither wait nor be cut are refused", async () => {
  const tables = `${erased}\na: { treatment: erase }\nb: { treatment: erase }`;
  expect(await findingsBetween(circle("not null", "not null"), { tables })).toEqual([
    "POLICY_CYCLE a, b, customers refer to each other by references that are neither deferrable nor nullable",
  ]);
  expect(await findingsBetween(circle("", "not null"), { tables })).toEqual([]);
  expect(await findingsBetween(circle("not null deferrable", "not null"), { tables })).toEqual([]);
  // RESTRICT does not wait for the commit even where the constraint may.
  expect(await findingsBetween(circle("not null on delete restrict deferrable", "not null"), { tables })).toEqual([
    expect.stringMatching(/^POLICY_CYCLE a, b, customers /),
  ]);
});

test.each([
  ["stays", "references customers (email)", "{ stays: x }", /customers.email would change, and rows of orders go on/],
  ["is emptied", "references customers (email)", "{ set: null }", undefined],
  ["is taken along", "references customers (email) on update cascade", "keep", undefined],
])("a key that changes while what refers to it %s", async (_, reference, treatment, message) => {
  const schema = `create table customers (id int primary key, email text unique);
    create table orders (id int primary key, customer_email text ${reference})`;
  const tables = `customers: { treatment: anonymise, columns: { email: { unique: 'erased-{random}' } } }
orders: { treatment: anonymise, columns: { customer_email: ${treatment} } }`;
  expect(await findingsBetween(schema, { tables })).toEqual(
    message === undefined ? [] : [expect.stringMatching(message)],
  );
});

test("rewrite rules in the place of our statements are refused, others are not", async () => {
  const schema = `${subject}; create table notes (id int primary key, customer_id int references customers, gone boolean);
    create rule soft as on delete to notes do instead update notes set gone = true where id = old.id;
    create rule once as on insert to notes do instead nothing;
    create rule loud as on update to customers do also notify customers`;
  const tables = (notes: string) => ({ tables: `${anonymised}\nnotes: ${notes}` });
  const loud = "STORE_UNSUPPORTED rule loud of customers puts another statement in the place of our UPDATE";
  const soft = "STORE_UNSUPPORTED rule soft of notes puts another statement in the place of our DELETE";
  expect(await findingsBetween(schema, tables("{ treatment: erase }"))).toEqual([soft, loud]);
  const kept = tables("{ treatment: anonymise, columns: { customer_id: keep, gone: keep } }");
  expect(await findingsBetween(schema, kept)).toEqual([loud]);
});

test("rows without a key whose places triggers change are refused where they could not be found again", async () => {
  const schema = (trigger: string) => `${subject}; create table addresses (id int primary key);
    create table stats (customer_id int references customers, address_id int references addresses, n int);
    create function bump() returns trigger language plpgsql as $$ begin update stats set n = n + 1; return null; end $$;
    create trigger bump after update on ${trigger} for each statement execute function bump()`;
  const tables = (owner = "") =>
    `${anonymised}\nstats: { treatment: anonymise, columns: { customer_id: keep, address_id: keep, n: keep }${owner} }
addresses: { treatment: anonymise, columns: {} }`;
  const refused = [expect.stringMatching(/^POLICY_CONTRADICTION triggers change rows of stats, which has no key/)];
  expect(await findingsBetween(schema("customers"), { tables: tables() })).toEqual([]);
  expect(await findingsBetween(schema("stats"), { tables: tables() })).toEqual(refused);
  const links = "links: [stats.address_id -> customers.id]";
  expect(await findingsBetween(schema("customers"), { tables: tables(), sections: links })).toEqual(refused);
});

test("what cannot be compared is no column to average within, nor to measure, by whatever name its type goes", async () => {
  const schema = `create domain notes as json; create table customers (id int primary key, email text, extra notes, n int)`;
  const tables = (n: string, rest = "") =>
    `customers: { treatment: anonymise, columns: { email: { set: null }, extra: keep, n: ${n} }${rest} }`;
  const refused = [expect.stringMatching(/^POLICY_CONTRADICTION .*customers.extra is notes: PostgreSQL cannot tell/)];
  expect(await findingsBetween(schema, { tables: tables("{ mean: [extra] }") })).toEqual(refused);
  expect(await findingsBetween(schema, { tables: tables("keep", ", quasi: [extra]") })).toEqual(refused);
  expect(await findingsBetween(schema, { tables: tables("{ mean: [email] }", ", quasi: [n]") })).toEqual([]);
});

test("an attack that cannot be made is named: its table, its columns, and what cannot be compared", async () => {
  const schema = `create table customers (id int primary key, email text);
    create table events (id int primary key, customer_id int references customers, at date, page text, extra json);
    create table invoices (id int primary key, issued_on date, total numeric);`;
  const tables = (rest: string) => `customers: { treatment: anonymise, columns: { email: { set: null } } }
events: { treatment: anonymise, columns: { customer_id: { set: null }, at: keep, page: keep, extra: { set: null } }, ${rest} }
invoices: { treatment: keep, reason: not about people }`;
  const found = (rest: string) => findingsBetween(schema, { tables: tables(rest) });
  expect(await found("attack: [{ knows: invoics, by: { at: issued_on } }]")).toEqual([
    expect.stringMatching(/POLICY_TABLE_MISSING .*invoics/),
  ]);
  expect(await found("attack: [{ knows: invoices, by: { at: issued }, whose: who }]")).toEqual([
    expect.stringMatching(/POLICY_COLUMN_MISSING .*invoices has no column issued/),
    expect.stringMatching(/POLICY_COLUMN_MISSING .*invoices has no column who/),
  ]);
  expect(await found("attack: [{ knows: invoices, by: { page: total } }]")).toEqual([
    expect.stringMatching(/POLICY_CONTRADICTION .*events.page is text and invoices.total is numeric/),
  ]);
  expect(await found("quasi: [extra]")).toEqual([expect.stringMatching(/POLICY_CONTRADICTION .*events.extra is json/)]);
  expect(await found("attack: [{ knows: invoices, by: { at: issued_on } }]")).toEqual([]);
});
