import fc from "fast-check";
import { expect, test } from "vitest";
import { table } from "#cli/table.ts";

const columns = [{ title: "table" }, { title: "rows", align: "right" as const }];

test("aligns names to the left and numbers to the right", () => {
  expect(
    table(
      [
        ["addresses", 12],
        ["orders", 1234],
      ],
      columns,
      80,
    ),
  ).toBe(["table      rows", "addresses    12", "orders     1234"].join("\n"));
});

test("cuts the widest column where the terminal is too narrow", () => {
  expect(table([["a_very_long_table_name", 12]], columns, 16)).toBe(
    ["table       rows", "a_very_lo…    12"].join("\n"),
  );
});

test("cuts nothing where there is no terminal", () => {
  const long = "x".repeat(500);
  expect(table([[long, 1]], columns, Number.POSITIVE_INFINITY)).toContain(long);
});

test("a cell cannot move the cursor, colour the terminal or break the line", () => {
  expect(table([["a\u001B[2Jb\r\nc", 1]], columns, 80)).toContain("a?[2Jb??c");
});

test("no line is wider than the terminal, and every row is one line", () => {
  const cell = fc.string({ unit: "binary", maxLength: 60 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { maxLength: 8 }),
      fc.integer({ min: 20, max: 120 }),
      (rows, width) => {
        const lines = table(rows, [{ title: "a" }, { title: "b", align: "right" }, { title: "c" }], width).split("\n");
        expect(lines).toHaveLength(rows.length + 1);
        for (const line of lines) expect([...line].length).toBeLessThanOrEqual(width);
      },
    ),
  );
});
