import { afterEach, expect, test } from "vitest";
import { checkFresh, type Checked } from "#test/examples/check.ts";

const schema = `create type mood as enum ('good', 'bad'); create domain code as text check (value ~ '^[A-Z]+$');
  create domain given as text not null;
  create table customers (id int primary key, email text unique, shout text generated always as (upper(email)) stored);
  create view people as select * from customers;
  create table orders (
    id int primary key, customer_id int references customers, feeling mood, code code, day date, total numeric(4,2), name varchar(3),
    body given default 'x', sent bool not null default false, paid_on date, unique (customer_id, day), check (paid_on >= day));`;
const tables = "customers: { treatment: erase }\norders: { treatment: erase }";
const sections = (example: string) => `examples:\n  - { example: x, ${example} }`;

let checked: Checked;
afterEach(() => checked.opened.dispose());

const ann = "customers: [{ id: 1, email: ann@shop.example }]";
const order = (row: string) =>
  `given: { ${ann}, orders: [{ id: 1, customer_id: 1 }, { id: 2, ${row} }] }, then: { orders: erased }`;

test.each([
  [
    "nobody asks",
    "given: { orders: [{ id: 1 }] }, then: { orders: kept }",
    "given: {",
    "no row of customers is given: nobody asks",
    "add customers: its first row is whoever asks",
  ],
  [
    "an unknown table",
    `given: { ${ann}, order: [{ id: 1 }] }, then: { customers: erased }`,
    "order: [",
    "the store has no table order",
    "did you mean `orders`?",
  ],
  [
    "a view",
    `given: { ${ann}, people: [{ id: 1 }] }, then: { customers: erased }`,
    "people: [",
    "people is a view, which has no rows of its own",
    "give rows of what it reads",
  ],
  [
    "an unknown column",
    order("custmer_id: 1"),
    "custmer_id: 1",
    "table orders has no column custmer_id",
    "did you mean `customer_id`?",
  ],
  [
    "a generated column",
    "given: { customers: [{ id: 1, shout: X }] }, then: { customers: erased }",
    "shout: X",
    "customers.shout is generated",
    "leave it out: the database computes it",
  ],
  [
    "a fate for rows that are not given",
    `given: { ${ann} }, then: { orders: erased }`,
    "orders: erased",
    "no row of orders is given",
    "add rows of orders to `given`",
  ],
  [
    "too few fates",
    order("customer_id: 1").replace("orders: erased", "orders: [erased]"),
    "orders: [erased]",
    "orders has 2 rows in `given` and 1 in `then`",
    "write one for each row, or one word for all",
  ],
  [
    "a row without its key",
    `given: { ${ann}, orders: [{ customer_id: 1 }] }, then: { orders: erased }`,
    "{ customer_id: 1 }",
    "row 1 of orders has no id, by which rows are told apart",
    "give it its id",
  ],
  [
    "two rows with one key",
    `given: { ${ann}, orders: [{ id: 1 }, { id: 1 }] }, then: { orders: kept }`,
    "{ id: 1 }] }",
    "row 2 of orders repeats what is unique in its table",
    "give it a key of its own",
  ],
  [
    "no such label",
    order("feeling: fine"),
    "feeling: fine",
    "row 2 of orders: feeling is mood, which cannot hold this value",
    "write a value of the column's type",
  ],
  [
    "what a domain forbids",
    order("code: small"),
    "code: small",
    "row 2 of orders: code is code, which cannot hold this value",
    "write a value of the column's type",
  ],
  [
    "no date",
    order("day: 2026-02-30"),
    "day: 2026-02-30",
    "row 2 of orders: day is date, which cannot hold this value",
    "write a value of the column's type",
  ],
  [
    "too large a number",
    order("total: 100"),
    "total: 100",
    "row 2 of orders: total is numeric(4,2), which cannot hold this value",
    "write a value of the column's type",
  ],
  [
    "too long a text",
    order("name: long"),
    "name: long",
    "row 2 of orders: name is character varying(3), which cannot hold this value",
    "write a value of the column's type",
  ],
  [
    "empty where it must not be",
    order("sent: null"),
    "{ id: 2, sent",
    "row 2 of orders leaves sent empty, which must not be",
    "give it a value",
  ],
  [
    "what a check forbids",
    order("day: 2026-02-03, paid_on: 2026-02-02"),
    "{ id: 2, day",
    "row 2 of orders breaks the check orders_check",
    "give every column that the check is about, with values it allows",
  ],
  [
    "what is unique together",
    order("customer_id: 1, day: 2026-02-03, code: A }, { id: 3, customer_id: 1, day: 2026-02-03, code: B"),
    "{ id: 3",
    "row 3 of orders repeats what is unique in its table",
    "give it a key of its own",
  ],
])("an example with %s is a finding at its place", async (_, example, at, what, hint) => {
  checked = await checkFresh(schema, { tables, sections: sections(example) });
  const code = what.startsWith("the store has no table")
    ? "POLICY_TABLE_MISSING"
    : what.includes("has no column")
      ? "POLICY_COLUMN_MISSING"
      : "POLICY_EXAMPLE";
  expect(checked.lines).toHaveLength(1);
  expect(checked.lines[0]?.slice(0, at.length)).toBe(at);
  expect(checked.lines[0]?.split(" | ")[1]).toBe(`${code} example "x": ${what} → ${hint}`);
  expect(checked.check.examples).toEqual({ run: 1, held: 0 });
});

test("examples are not run while the policy is wrong otherwise", async () => {
  checked = await checkFresh(schema, {
    tables: "customers: { treatment: erase }",
    sections: sections(order("customer_id: 1")),
  });
  expect(checked.check.findings.map(({ code }) => code)).toEqual(["POLICY_TABLE_UNCOVERED"]);
  expect(checked.check.examples).toEqual({ run: 0, held: 0 });
});
