import { describe, expect, test } from "vitest";
import { useScratchDatabase } from "#test/plan/findings.ts";
import { blocker, check, rules, tables } from "#test/plan/orders-policy.ts";

useScratchDatabase();

test("the policy that the cases below break has nothing wrong", async () => {
  expect(await check(blocker("when: { table: orders, status: open }, then: { set: { status: cancelled } }"))).toEqual(
    [],
  );
});

test("a blocker on a missing table or column is found, with the name that was meant", async () => {
  expect(await check(blocker("when: { table: orders, stauts: open }, then: block"))).toEqual([
    {
      file: "shop.yaml",
      at: "stauts: open }, then: block }",
      code: "POLICY_COLUMN_MISSING",
      message: "table orders has no column stauts",
      hint: "did you mean `status`?",
    },
  ]);
  expect(await check(blocker("when: { table: ordres, status: open }, then: block"))).toEqual([
    {
      file: "shop.yaml",
      at: "table: ordres, status: open }, then: block }",
      code: "POLICY_TABLE_MISSING",
      message: "the store has no table ordres",
      hint: "did you mean `orders`?",
    },
  ]);
});

test.each(["{ gt: much }", "[5, much]", "much"])(
  "a blocker that compares a column with what is not of its type is found: total: %s",
  async (total) => {
    expect(await check(blocker(`when: { table: orders, total: ${total} }, then: block`))).toEqual([
      {
        file: "shop.yaml",
        at: `total: ${total} }, then: block }`,
        code: "POLICY_CONTRADICTION",
        message: "store shop: orders.total is numeric and cannot be compared with what the policy writes",
        hint: "write a value of the column's type",
      },
    ]);
  },
);

test("a recipient's mistake is found at its own line, whatever the options leave out before it", async () => {
  const sections = `options: { tell: false }
recipients:
  - { recipient: gateway, task: delete, table: orders, reference: id, if: tell }
  - { recipient: shop, task: delete, table: orders, reference: idd }`;
  expect(await check({ sections })).toEqual([
    {
      file: "shop.yaml",
      at: "reference: idd }",
      code: "POLICY_COLUMN_MISSING",
      message: "table orders has no column idd",
      hint: "did you mean `id`?",
    },
  ]);
});

describe("two rules for one column", () => {
  test("in one mapping are no YAML", async () => {
    const twice =
      "{ treatment: anonymise, columns: { email: { set: null }, state: keep, parent_id: keep, email: keep } }";
    expect(await check({ tables: tables({ customers: twice }) })).toEqual([
      {
        file: "shop.yaml",
        at: "email: keep } }",
        code: "POLICY_INVALID",
        message: "this key stands twice in the same mapping",
        hint: "mend the policy; nothing was changed",
      },
    ]);
  });

  test("in `deletion` and in `columns` are refused", async () => {
    const set = { customers: rules.customers.replace("state: keep", "state: { set: active }") };
    const sections = "deletion: { mode: archive, set: { state: gone } }";
    expect(await check({ sections, tables: tables(set) })).toEqual([
      {
        file: "shop.yaml",
        at: "gone } }",
        code: "POLICY_INVALID",
        message: "deletion.set.state: tables.customers.columns sets `state` too",
        hint: "say it in one place: make it `keep` there",
      },
    ]);
    expect(await check({ sections })).toEqual([]);
  });
});

describe("a mark", () => {
  test.each([
    ["archive", tables()],
    ["soft", tables({ customers: "{ treatment: keep, reason: account, personal: [email] }" })],
    ["soft-then-hard", tables()],
  ])("that a check constraint forbids is found, mode %s", async (mode, rulesOf) => {
    const grace = mode === "soft-then-hard" ? ", grace: P30D" : "";
    expect(
      await check({ sections: `deletion: { mode: ${mode}, set: { state: archived }${grace} }`, tables: rulesOf }),
    ).toEqual([
      {
        file: "shop.yaml",
        at: `state: archived }${grace} }`,
        code: "POLICY_CONTRADICTION",
        message:
          "store shop: the check constraint customers_state_check of customers forbids what the policy sets state to",
        hint: "choose a value that the constraint allows",
      },
    ]);
  });

  test("on a row that goes is refused", async () => {
    const sections = "deletion: { mode: archive, set: { state: gone } }";
    const gone = { customers: "{ treatment: erase }" };
    expect(await check({ sections, tables: tables(gone) })).toMatchObject([
      {
        at: "erase }",
        code: "POLICY_INVALID",
        message: "tables.customers.treatment: the row of an archived subject is marked, so it cannot go",
      },
    ]);
  });

  test("whose guard would read the whole table of subjects for each new row is refused, and the index is named", async () => {
    const sections = `links: [orders.status -> customers.email]
deletion: { mode: archive, set: { state: gone }, refuse: [orders] }`;
    expect(await check({ sections })).toEqual([
      {
        file: "shop.yaml",
        at: "orders] }",
        code: "POLICY_CONTRADICTION",
        message: "no index finds rows of customers by email",
        hint: "CREATE INDEX CONCURRENTLY ON customers (email) first: each new row of orders is looked up there, whoever inserts it",
      },
    ]);
  });

  test("on a missing column, in a missing view, or against a missing table is found with what was meant", async () => {
    const sections = `deletion:
  mode: archive
  set: { stat: gone }
  hidden_from: [active_customer]
  refuse: [order]`;
    expect(await check({ sections })).toEqual([
      expect.objectContaining({ at: "stat: gone }", code: "POLICY_COLUMN_MISSING", hint: "did you mean `state`?" }),
      expect.objectContaining({
        at: "active_customer]",
        code: "POLICY_TABLE_MISSING",
        hint: "did you mean `active_customers`?",
      }),
      expect.objectContaining({ at: "order]", code: "POLICY_TABLE_MISSING", hint: "did you mean `orders`?" }),
    ]);
  });
});

test("a class as `lethe init` drafts it for a country whose law it does not know is found: nothing is retained without a citation", async () => {
  const classes = "  later: { basis: unknown, period: P10Y, anchor: end-of-calendar-year }";
  expect(await check({ classes })).toMatchObject([
    {
      at: "basis: unknown, period: P10Y, anchor: end-of-calendar-year }",
      code: "POLICY_STATUTORY",
      message: "class later has no citation: nothing is retained without one",
    },
  ]);
});

describe("a policy that deletes invoices without saying who decided it", () => {
  const erased = tables({ invoices: "{ treatment: erase }" });
  const decide = "retain the table under a class, or state who decided so: decided: { by: …, on: …, why: … }";
  const finding = (law: string) => ({
    file: "shop.yaml",
    at: "treatment: erase }",
    code: "POLICY_STATUTORY",
    message: `invoices holds accounting records, by its name, and is erased: ${law}`,
    hint: decide,
  });

  test("is refused by the law of the controller's country", async () => {
    expect(await check({ tables: erased }, "DE")).toEqual([
      finding("HGB §257(1) no. 4, AO §147(1) no. 4 keeps such records for 8 years"),
    ]);
    expect(await check({ tables: erased }, "NL")).toEqual([finding("AWR art. 52 keeps such records for 7 years")]);
  });

  test("is refused by its own class where the country is not known, and by name of the law in any case", async () => {
    expect(await check({ tables: erased })).toEqual([finding("HGB §257 keeps such records for 8 years")]);
    expect(await check({ tables: erased }, "JP")).toEqual([finding("HGB §257 keeps such records for 8 years")]);
  });

  test("is accepted once it says so", async () => {
    const invoices = "{ treatment: erase, decided: { by: dpo@shop.example, on: 2026-01-05, why: working copies } }";
    expect(await check({ tables: tables({ invoices }) }, "DE")).toEqual([]);
  });

  test("is refused when a remedy does it", async () => {
    const anonymised = "{ treatment: anonymise, columns: { customer_id: keep, order_id: { set: null }, day: keep } }";
    const parts = {
      ...blocker("when: { table: invoices }, then: { remove: rows }"),
      tables: tables({ invoices: anonymised }),
    };
    expect(await check(parts, "DE")).toEqual([
      {
        file: "shop.yaml",
        at: "remove: rows } }",
        code: "POLICY_STATUTORY",
        message:
          "the remedy of OPEN removes rows of invoices, which holds accounting records, by its name: HGB §257(1) no. 4, AO §147(1) no. 4 keeps such records for 8 years",
        hint: "let it block, or unlink the rows from whom they must not lead to",
      },
    ]);
  });
});
