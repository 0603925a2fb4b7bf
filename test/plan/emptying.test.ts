import { expect, test } from "vitest";
import { placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

/** Children refer to their parents, who are erased, by two columns; `columns` defines them, `reference` is what the foreign key says besides. */
const check = (columns: string, reference = "", more = "") =>
  placedFindings(
    `create table tenants (id int primary key);
     create table customers (id int primary key, email text, ${columns}, parent int, family int, unique (family, id),
       foreign key (tenant, parent) references customers (family, id) ${reference}${more})`,
    { tables: "customers: { treatment: erase }\ntenants: { treatment: keep, reason: companies }" },
  );

test("a reference of which more than one column could be emptied is refused, with the place of the rule", async () => {
  expect(await check("tenant int")).toEqual([
    {
      file: "shop.yaml",
      at: "customers: { treatment: erase }",
      code: "POLICY_CONTRADICTION",
      message:
        "rows of customers have to be cut loose from what they refer to (customers_tenant_parent_fkey), and the schema leaves open which of tenant, parent to empty",
      hint: "make the columns that stay NOT NULL, or declare the reference ON DELETE SET NULL (column) with the column to empty",
    },
  ]);
});

test.each([
  ["the others are NOT NULL", "tenant int not null", "", ""],
  ["the others are part of another foreign key", "tenant int references tenants", "", ""],
  ["the others are part of a key of the row", "tenant int, n int", "", ", unique (tenant, n)"],
  ["the schema names the one to empty", "tenant int", "on delete set null (parent)", ""],
  ["the schema says that all of them are emptied", "tenant int", "on delete set null", ""],
  ["the schema says that all or none of them are empty", "tenant int", "match full", ""],
])("it is not refused where %s", async (_, columns, reference, more) => {
  expect(await check(columns, reference, more)).toEqual([]);
});

test("columns that all belong to other keys as well leave nothing to empty", async () => {
  const found = await check("tenant int references tenants", "", ", foreign key (parent) references tenants");
  expect(found.map(({ code }) => code)).toEqual(["POLICY_CONTRADICTION"]);
});

test("a reference that can be emptied only as a whole, and not as a whole, is one that cannot", async () => {
  const [found] = await check("tenant int not null", "match full on delete cascade");
  expect(found?.code).toBe("POLICY_CASCADE");
});

test("ON DELETE SET NULL does not help rows that stay where one of the columns is NOT NULL, unless it lists the others", async () => {
  const found = (action: string) =>
    placedFindings(
      `create table customers (id int primary key, family int not null, email text, unique (family, id));
       create table orders (id int primary key, tenant int not null, customer int, foreign key (tenant, customer) references customers (family, id) ${action})`,
      {
        tables:
          "customers: { treatment: erase }\norders: { treatment: anonymise, columns: { tenant: keep, customer: keep } }",
      },
    );
  expect(await found("on delete set null")).toMatchObject([
    {
      at: "orders: { treatment: anonymise, columns: { tenant: keep, customer: keep } }",
      code: "POLICY_CONTRADICTION",
      hint: "set orders.customer to null in the rule of orders, or anonymise customers",
    },
  ]);
  expect(await found("on delete set null (customer)")).toEqual([]);
});
