import fc from "fast-check";
import { expect, test } from "vitest";
import { orderTables, type Precedence } from "#plan/order.ts";
import { reach } from "#plan/reach.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { Edge } from "#records/plan.ts";
import { policyText } from "#test/execute/night.ts";

const names = ["customers", "a", "b", "c", "d", "e"];
const table = fc.constantFrom(...names);

const edge = fc
  .record({
    table,
    to: table,
    link: fc.boolean(),
    deferrable: fc.boolean(),
    nullable: fc.boolean(),
    onDelete: fc.constantFrom("no action", "restrict", "cascade", "set null"),
  })
  .map(({ table: from, to, link, ...rest }): Edge => ({
    ...rest,
    name: `${from}->${to}`,
    declared: link ? "link" : "foreign-key",
    table: from,
    columns: [`${to}_id`],
    emptied: rest.nullable ? [`${to}_id`] : [],
    to: { table: to, columns: ["id"] },
    asText: undefined,
    where: {},
    onDelete: link ? "nothing" : (rest.onDelete as Edge["onDelete"]),
  }));
const edges = fc.uniqueArray(edge, { maxLength: 14, selector: ({ name }) => name });

test("every table of an order comes after those that must precede it, or a reference is given up, or it is stuck", () => {
  fc.assert(
    fc.property(edges, (given) => {
      const precedences = given.map((one): Precedence => ({ before: one.table, after: one.to.table, edge: one }));
      const { tables, deferred, cut, stuck } = orderTables(names, precedences);
      expect([...tables, ...stuck].toSorted()).toEqual(names.toSorted());
      const given_up = new Set([...deferred, ...cut]);
      for (const one of deferred) expect([one.deferrable, one.onDelete]).toEqual([true, "no action"]);
      for (const one of cut) expect(one.nullable).toBe(true);
      for (const { before, after, edge: by } of precedences) {
        if (before === after || by === undefined || given_up.has(by) || stuck.includes(before)) continue;
        if (stuck.includes(after)) continue;
        expect(tables.indexOf(before)).toBeLessThan(tables.indexOf(after));
      }
      // What is stuck waits for something that is stuck.
      for (const name of stuck) {
        expect(
          precedences.some(
            ({ before, after, edge: by }) =>
              after === name && stuck.includes(before) && by !== undefined && !given_up.has(by),
          ),
        ).toBe(true);
      }
    }),
  );
});

const rules = fc.record(
  Object.fromEntries(names.slice(1).map((name) => [name, fc.constantFrom("erase", "keep", "none", "owned")])),
);

test("every table that is reached is reached through nearer ones, however references and links go round", () => {
  fc.assert(
    fc.property(edges, rules, (given, treatments) => {
      const lines = Object.entries(treatments).flatMap(([name, treatment]) =>
        treatment === "none"
          ? []
          : [
              treatment === "keep"
                ? `${name}: { treatment: keep, reason: x }`
                : `${name}: { treatment: erase${treatment === "owned" ? ", owner: [customers_id, a_id]" : ""} }`,
            ],
      );
      const policy = parsePolicy(
        "policy.yaml",
        policyText({ tables: ["customers: { treatment: erase }", ...lines].join("\n") }),
      );
      const found = reach(policy, given);
      expect(found.levels.get("customers")).toBe(0);
      for (const [name, level] of found.levels) {
        if (name === "customers") continue;
        const vias = found.vias.get(name) ?? [];
        expect(vias.length).toBeGreaterThan(0);
        for (const { edge: by, direction } of vias) {
          const parent = direction === "refers" ? by.to.table : by.table;
          expect(found.levels.get(parent)).toBeLessThan(level);
        }
      }
      // In the order in which they can be derived.
      const order = [...found.levels.values()];
      expect(order).toEqual(order.toSorted((x, y) => x - y));
    }),
    { numRuns: 500 },
  );
});
