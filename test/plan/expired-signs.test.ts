import { expect, test } from "vitest";
import { findingsBetween, placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const schema = `create table customers (id int primary key, email text, phone text);
  create table products (id int primary key);
  create table visits (id int primary key, customer_id int references customers, product_id int references products, at date, city text, note text);`;
const parts = (then: string, { asked = "quasi: [city]", owner = "set: null" } = {}) => ({
  tables: `customers: { treatment: anonymise, columns: { email: { set: null }, phone: { set: null } } }
products: { treatment: keep, reason: catalogue }
visits:
  treatment: anonymise
  ${asked}
  columns: { customer_id: ${owner === "keep" ? owner : `{ ${owner} }`}, product_id: keep, at: keep, city: keep, note: { set: null } }
  expires: { after: P1Y, clock: at, why: security, then: ${then} }`,
});
const findings = (then: string, more = {}) => findingsBetween(schema, parts(then, more));

test("old rows of a table in which people are hidden are refused to become nobody's, where it is written and with what to write", async () => {
  expect(await placedFindings(schema, parts("{ note: { set: null }, customer_id: { set: null } }"))).toEqual([
    {
      file: "shop.yaml",
      at: expect.stringMatching(/^customer_id: \{ set: null \} \}/),
      code: "POLICY_CONTRADICTION",
      message: expect.stringContaining("visits.customer_id says whose a row is"),
      hint: expect.stringContaining("then: erase"),
    },
  ]);
});

const refused = [expect.stringMatching(/POLICY_CONTRADICTION visits\.customer_id says whose/)];

test.each([
  [
    "by an attack alone",
    "{ customer_id: { set: null } }",
    { asked: "attack: [{ knows: customers, by: { city: email } }]" },
  ],
  ["that the rule itself keeps with their owner", "{ customer_id: { set: null } }", { owner: "keep" }],
  ["by another value", "{ customer_id: { set: 0 } }", {}],
])("it is refused as well %s", async (_, then, more) => {
  expect(await findings(then, more)).toEqual(refused);
});

test("what is left of rows that look as the rule leaves them is refused, whatever else they say", async () => {
  expect(await findings("{ note: { set: null } }", { owner: "keep" })).toEqual([
    expect.stringContaining("visits.note says whose a row is"),
  ]);
});

test("an old row of the subject's own table keeps by what the person is known", async () => {
  const customers =
    ", quasi: [phone], k: 2, expires: { after: P1Y, clock: since, why: security, then: { email: { set: null } } }";
  const own = {
    tables: `customers: { treatment: anonymise, columns: { email: { set: null }, phone: { set: null }, since: keep } ${customers} }`,
  };
  expect(
    await findingsBetween("create table customers (id int primary key, email text, phone text, since date)", own),
  ).toEqual([expect.stringContaining("customers.email says whose a row is")]);
});

test("old rows may go, or lose what does not say whose they are; of tables in which nobody is hidden, that too", async () => {
  for (const then of ["erase", "{ note: { set: null } }", "{ city: { set: null } }", "{ product_id: { set: null } }"])
    expect(await findings(then)).toEqual([]);
  expect(await findings("{ customer_id: { set: null } }", { asked: "" })).toEqual([]);
});
