import { describe, expect, test } from "vitest";
import type { PolicyParts } from "#test/execute/night.ts";
import { placedFindings, useScratchDatabase } from "#test/plan/findings.ts";

useScratchDatabase();

const schema = `create table customers (id int primary key, email text, state text check (state in ('active', 'gone')), parent_id int references customers);
  create view active_customers as select id, email from customers where state = 'active';
  create table orders (id int primary key, customer_id int references customers, status text check (status in ('open', 'paused', 'cancelled')), total numeric, placed date);
  create table lines (order_id int references orders on delete cascade, n int, primary key (order_id, n));
  create table invoices (id int primary key, customer_id int references customers, order_id int references orders on delete set null, day date);
  create table notes (customer_id int references customers, status text)`;

const rules = {
  customers: "{ treatment: anonymise, columns: { email: { set: null }, state: keep, parent_id: keep } }",
  orders: "{ treatment: erase }",
  lines: "{ treatment: erase }",
  invoices:
    "{ treatment: retain, class: voucher, clock: day, columns: { customer_id: keep, order_id: { set: null }, day: keep } }",
  notes: "{ treatment: erase }",
};
const tables = (changed: Partial<typeof rules> = {}): string =>
  Object.entries({ ...rules, ...changed })
    .map(([name, rule]) => `${name}: ${rule}`)
    .join("\n");

const check = (parts: Partial<PolicyParts>, country?: string) =>
  placedFindings(schema, { tables: tables(), ...parts }, country);

const blocker = (line: string): Partial<PolicyParts> => ({ blockers: `- { code: OPEN, ${line} }` });

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

describe("a remedy", () => {
  const retained =
    "let it block, and settle the rows in the system that keeps the books; or decide about the table's treatment";

  test.each([
    [
      "changes",
      "when: { table: invoices, day: { is_null: true } }, then: { set: { day: 2026-01-01 } }",
      "{ set: { day",
    ],
    ["removes", "when: { table: invoices }, then: { remove: rows }", "{ remove"],
    ["lets the database empty", "when: { table: orders, status: open }, then: { remove: rows }", "{ remove"],
  ])("that %s retained rows is refused", async (_, line, at) => {
    const found = await check(blocker(line));
    expect(found).toEqual([
      {
        file: "shop.yaml",
        at: expect.stringContaining(at),
        code: "POLICY_REMEDY_RETAINED",
        message: "the remedy of OPEN would change rows of invoices, which are retained (HGB §257)",
        hint: retained,
      },
    ]);
  });

  test("that takes other tables' rows along is refused", async () => {
    const found = await check({
      ...blocker("when: { table: orders, status: open }, then: { remove: rows }"),
      tables: tables({ invoices: "{ treatment: erase, decided: { by: dpo, on: 2026-01-01, why: copies } }" }),
    });
    expect(found).toEqual([
      {
        file: "shop.yaml",
        at: "then: { remove: rows } }",
        code: "POLICY_CASCADE",
        message:
          "the remedy of OPEN would make the database delete from lines too (lines_order_id_fkey, ON DELETE CASCADE)",
        hint: "set or unlink instead of removing, or declare a remedy for those rows",
      },
    ]);
  });

  test("that sets a missing column, or a value that the store forbids, is refused", async () => {
    expect(await check(blocker("when: { table: orders, status: open }, then: { set: { sttus: cancelled } }"))).toEqual([
      expect.objectContaining({
        at: "sttus: cancelled } } }",
        code: "POLICY_COLUMN_MISSING",
        hint: "did you mean `status`?",
      }),
    ]);
    expect(await check(blocker("when: { table: orders, status: open }, then: { set: { status: canceled } }"))).toEqual([
      {
        file: "shop.yaml",
        at: "status: canceled } } }",
        code: "POLICY_CONTRADICTION",
        message:
          "store shop: the check constraint orders_status_check of orders forbids what the policy sets status to",
        hint: "choose a value that the constraint allows",
      },
    ]);
  });

  test("that changes rows without a key, or their key, is refused: they could not be found again", async () => {
    expect(await check(blocker("when: { table: notes, status: open }, then: { set: { status: done } }"))).toEqual([
      {
        file: "shop.yaml",
        at: "set: { status: done } } }",
        code: "POLICY_CONTRADICTION",
        message: "the remedy of OPEN changes rows of notes, which has no key: they could not be found again",
        hint: "give notes a primary key, or let it block",
      },
    ]);
    // Removed rows need not be found again, nor rows that no rule touches.
    expect(await check(blocker("when: { table: notes, status: open }, then: { remove: rows }"))).toEqual([]);
    const kept = tables({ notes: "{ treatment: keep, reason: names nobody }" });
    expect(
      await check({
        ...blocker("when: { table: notes, status: open }, then: { set: { status: done } }"),
        tables: kept,
      }),
    ).toEqual([]);
  });

  test("that removes people, or changes rows of a view, is refused", async () => {
    const removes = "when: { table: customers, state: gone }, whose: parent_id, then: { remove: rows }";
    expect(await check(blocker(removes))).toMatchObject([
      {
        at: "then: { remove: rows } }",
        code: "POLICY_CONTRADICTION",
        message: "the remedy of OPEN would remove rows of customers, which are people",
      },
    ]);
    const view = schema.replace(
      "create table orders",
      "create view due as select 1 as customer_id, 'open' as status; create table orders",
    );
    const parts = {
      sections: "links: [due.customer_id -> customers.id]",
      tables: `${tables()}\ndue: { treatment: keep, reason: a view }`,
    };
    const sets = blocker("when: { table: due, status: open }, whose: customer_id, then: { set: { status: void } }");
    expect(await placedFindings(view, { ...parts, ...sets })).toMatchObject([
      { code: "STORE_UNSUPPORTED", message: "the remedy of OPEN would change rows of due, which is a view" },
    ]);
    const blocks = blocker("when: { table: due, status: open }, then: block");
    expect(await placedFindings(view, { ...parts, ...blocks })).toMatchObject([
      { code: "STORE_UNSUPPORTED", message: "blocker OPEN looks at due, which is a view: its rows belong to nobody" },
    ]);
  });

  test("that makes the database empty references of rows without a key is refused, for the same reason", async () => {
    const remove = blocker("when: { table: orders, status: open }, then: { remove: rows }");
    const changed = schema
      .replace("order_id int references orders on delete cascade", "order_id int references orders deferrable")
      .replace("order_id int references orders on delete set null", "order_id int references orders deferrable");
    const notes = `${changed}; alter table notes add order_id int references orders on delete set null`;
    expect(await placedFindings(changed, { tables: tables(), ...remove })).toEqual([]);
    expect(await placedFindings(notes, { tables: tables(), ...remove })).toMatchObject([
      {
        code: "POLICY_CONTRADICTION",
        message:
          "the remedy of OPEN would make the database empty notes.order_id (notes_order_id_fkey), which has no key: its rows could not be found again",
      },
    ]);
  });

  test("that leaves its rows as they are found would be needed for ever", async () => {
    for (const then of ["{ set: { placed: 2026-01-01 } }", "{ set: { status: open } }", "{ set: { total: 7 } }"]) {
      const line = `when: { table: orders, status: [open, paused], total: { gt: 5 } }, then: ${then}`;
      expect(await check(blocker(line))).toEqual([
        {
          file: "shop.yaml",
          at: `then: ${then} }`,
          code: "POLICY_REMEDY_CYCLE",
          message: "the remedy of OPEN leaves its rows as they are found: it would be needed again for ever",
          hint: "set a column of `when` to a value that its condition does not match",
        },
      ]);
    }
    expect(await check(blocker("when: { table: orders, total: { gt: 5 } }, then: { set: { total: 5 } }"))).toEqual([]);
    // Dates are compared as dates.
    const dated = "when: { table: orders, placed: { lt: 2026-01-01 } }, then: { set: { placed: DAY } }";
    expect(await check(blocker(dated.replace("DAY", "2026-01-02")))).toEqual([]);
    expect((await check(blocker(dated.replace("DAY", "2025-12-31")))).map(({ code }) => code)).toEqual([
      "POLICY_REMEDY_CYCLE",
    ]);
  });

  test("and another that undo each other are refused, both by name", async () => {
    const blockers = `- { code: OPEN, when: { table: orders, status: open }, then: { set: { status: paused } } }
- { code: PAUSED, when: { table: orders, status: paused }, then: { set: { status: open } } }`;
    expect(await check({ blockers })).toEqual([
      {
        file: "shop.yaml",
        at: "then: { set: { status: paused } } }",
        code: "POLICY_REMEDY_CYCLE",
        message: "the remedies of OPEN and PAUSED undo each other",
        hint: "set the value that nothing else stops at, in one remedy",
      },
      expect.objectContaining({
        at: "then: { set: { status: open } } }",
        code: "POLICY_REMEDY_CYCLE",
        message: "the remedies of PAUSED and OPEN undo each other",
      }),
    ]);
  });

  test("that leaves rows at which another line stops is refused, unless that line means other rows", async () => {
    const blockers = (when: string) => `- { code: PAUSED, when: { table: orders, status: paused${when} }, then: block }
- { code: OPEN, when: { table: orders, status: open, total: 1 }, then: { set: { status: paused } } }`;
    expect(await check({ blockers: blockers("") })).toEqual([
      {
        file: "shop.yaml",
        at: "then: { set: { status: paused } } }",
        code: "POLICY_CONTRADICTION",
        message: "the remedy of OPEN leaves rows at which PAUSED stops",
        hint: "set the value that nothing else stops at, in one remedy",
      },
    ]);
    expect(await check({ blockers: blockers(", total: { lt: 5 }") })).toHaveLength(1);
    expect(await check({ blockers: blockers(", total: { gt: 5 }") })).toEqual([]);
    expect(await check({ blockers: blockers(", total: [2, 3]") })).toEqual([]);
    expect(await check({ blockers: blockers(", total: { is_null: true }") })).toEqual([]);
  });
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
      finding("HGB §257, AO §147 keeps such records for 8 years"),
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
          "the remedy of OPEN removes rows of invoices, which holds accounting records, by its name: HGB §257, AO §147 keeps such records for 8 years",
        hint: "let it block, or unlink the rows from whom they must not lead to",
      },
    ]);
  });
});
