import { describe, expect, test } from "vitest";
import { placedFindings, useScratchDatabase } from "#test/plan/findings.ts";
import { blocker, check, schema, tables } from "#test/plan/orders-policy.ts";

useScratchDatabase();

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

  const due = async (type: string, condition: string, value: string) => {
    const line = `when: { table: orders, due: ${condition} }, then: { set: { due: ${value} } }`;
    const found = await placedFindings(`${schema}; alter table orders add due ${type}`, {
      tables: tables(),
      ...blocker(line),
    });
    return found.map(({ code }) => code);
  };

  test.each([
    ["numeric(8,2)", "['0.00']", "0"],
    ["numeric(8,2)", "[0]", "'0.0'"],
    ["int", "['05', 7]", "5"],
    ["bigint", "{ gte: '9007199254740993' }", "'9007199254740993'"],
    ["boolean", "[t]", "true"],
    ["text", "['0.00', '0']", "0"],
  ])(
    "on %s that says %s and sets %s leaves its rows as they are found, however the value is written",
    async (type, condition, value) => {
      expect(await due(type, condition, value)).toEqual(["POLICY_REMEDY_CYCLE"]);
    },
  );

  test.each([
    ["text", "['0.00']", "'0'"],
    ["text", "{ gt: '200' }", "'1000'"],
    ["bigint", "['9007199254740993']", "'9007199254740992'"],
    ["numeric", "[0.5]", "'0.05'"],
    ["boolean", "[true]", "'f'"],
  ])("on %s that says %s and sets %s ends it", async (type, condition, value) => {
    expect(await due(type, condition, value)).toEqual([]);
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
