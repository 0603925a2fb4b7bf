import { expect, test } from "vitest";
import { placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const customers = "create table customers (id int primary key, email text, state text)";
const orders =
  "create table orders (id int primary key, customer_id int references customers, due text, number varchar(9), paid numeric, day date, ok boolean)";

/** A policy whose every line the store can answer, but for the parts given. */
const check = (parts: {
  readonly deletion?: string;
  readonly sections?: string;
  readonly blockers?: string;
  readonly orders?: string;
}) =>
  placedFindings(
    `${customers}; ${orders};
     create view present as select id, email from customers where state is null;
     create view listed as select id::text as id, email from customers where state is null`,
    {
      blockers: parts.blockers ?? "",
      sections: `deletion: ${parts.deletion ?? "{ mode: soft, set: { state: gone } }"}\n${parts.sections ?? ""}`,
      tables: `customers: { treatment: keep, reason: account, personal: [email] }\norders: ${parts.orders ?? "{ treatment: erase }"}`,
    },
  );

test.each(["gt", "gte", "lt", "lte"])(
  "text is not compared with a number by %s, which would compare it as text",
  async (order) => {
    const blockers = (column: string, value: string) =>
      `- { code: DUE, when: { table: orders, ${column}: { ${order}: ${value} } }, then: block }`;
    expect(await check({ blockers: blockers("due", "200") })).toEqual([
      {
        file: "shop.yaml",
        at: `due: { ${order}: 200 } }, then: block }`,
        code: "POLICY_CONTRADICTION",
        message:
          "store shop: orders.due is text and the policy compares it with a number: as text, 1000 comes before 200",
        hint: "name a column of numbers; or put the value in quotes, if the order of texts is meant",
      },
    ]);
    expect(await check({ blockers: blockers("number", "200") })).toHaveLength(1);
    expect(await check({ blockers: blockers("due", "'200'") })).toEqual([]);
    expect(await check({ blockers: blockers("paid", "200") })).toEqual([]);
  },
);

test("a view that names people by a key of another type is found", async () => {
  const hidden = (view: string) => ({ deletion: `{ mode: soft, set: { state: gone }, hidden_from: [${view}] }` });
  expect(await check(hidden("listed"))).toEqual([
    {
      file: "shop.yaml",
      at: "listed] }",
      code: "POLICY_CONTRADICTION",
      message: "store shop: listed.id is text and customers.id is integer: nobody could tell whom the view shows",
      hint: "let the view show id as it stands in customers",
    },
  ]);
  expect(await check(hidden("present"))).toEqual([]);
});

test.each([
  ["due", "text", ""],
  ["day", "date", "store shop: "],
  ["ok", "boolean", "store shop: "],
])("a figure that sums %s, which is %s, is found", async (column, type, store) => {
  const figures = (measure: string) => ({
    sections: `figures:\n  - { figure: Sales, table: orders, measure: ${measure} }`,
  });
  expect(await check(figures(`sum(${column})`))).toEqual([
    {
      file: "shop.yaml",
      at: `measure: sum(${column}) }`,
      code: "POLICY_CONTRADICTION",
      message: `${store}figure Sales: orders.${column} is ${type}, of which there is no sum`,
      hint: "name a column of numbers, or count",
    },
  ]);
  expect(await check(figures("sum(paid)"))).toEqual([]);
});

test.each([
  ["number", "character varying(9)", ""],
  ["day", "date", "store shop: "],
  ["ok", "boolean", "store shop: "],
])("a sum of %s to conserve, which is %s, is found", async (column, type, store) => {
  const conserving = (measure: string) => ({
    orders: `{ treatment: anonymise, columns: { customer_id: { set: null }, due: keep, number: keep, paid: keep, day: keep, ok: keep }, conserve: [${measure}] }`,
  });
  expect(await check(conserving(`sum(${column})`))).toEqual([
    {
      file: "shop.yaml",
      at: `conserve: [sum(${column})] }`,
      code: "POLICY_CONTRADICTION",
      message: `${store}orders.${column} is ${type}: there is no sum of it to conserve`,
      hint: "name a column of numbers, or leave the sum out",
    },
  ]);
  expect(await check(conserving("sum(paid)"))).toEqual([]);
});
