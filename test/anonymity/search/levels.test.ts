import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fillSearchTables } from "#anonymity/search/fill.ts";
import { stepCount, topOf, type Hierarchy, type Steps } from "#anonymity/search/hierarchy.ts";
import { createSearchTables } from "#anonymity/search/tables.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase("create table instants (v timestamptz); create table amounts (v numeric)");
});
afterAll(() => database.drop());

/** What the tables of a search hold of a column: each value, and at each level from 1 on its code and its loss in millionths. */
type Level = { readonly code: number; readonly loss: number };

const levelsOf = (table: string, values: readonly string[], steps: Steps): Promise<ReadonlyMap<string, Level[]>> =>
  withClient(database.pool, async (client) => {
    await client.query(`truncate ${table}`);
    await client.query(
      `insert into ${table} select unnest($1::text[])::${table === "instants" ? "timestamptz" : "numeric"}`,
      [values],
    );
    const db = kyselyOn(client);
    const hierarchy: Hierarchy = { column: "v", steps, most: topOf({ steps }) };
    const question = { table, hierarchies: [hierarchy], sensitive: [] };
    await createSearchTables(db, question);
    await client.query("begin read only");
    await fillSearchTables(db, question);
    const { rows } = await client.query<Record<string, number> & { v: string }>(
      "select * from pg_temp.lethe_search_values_0",
    );
    await client.query("commit");
    const levels = Array.from({ length: stepCount(steps) }, (_, index) => index + 1);
    return new Map(
      rows.map((row) => [row.v, levels.map((level) => ({ code: row[`g${level}`] ?? 0, loss: row[`w${level}`] ?? 0 }))]),
    );
  });

const isMonotone = (found: ReadonlyMap<string, readonly Level[]>): boolean => {
  const all = [...found.values()];
  return all.every((one) =>
    one.every(({ code, loss }, level) => {
      const coarser = one[level + 1];
      if (coarser === undefined) return true;
      const follows = all.every((other) => other[level]?.code !== code || other[level + 1]?.code === coarser.code);
      return follows && coarser.loss >= loss;
    }),
  );
};

const second = fc.integer({ min: Date.UTC(1969, 6, 1) / 1000, max: Date.UTC(2031, 0, 1) / 1000 });
const instants = fc.uniqueArray(second, { minLength: 1, maxLength: 12 }).map((seconds) =>
  // Some of them close to each other, around the ends of days, weeks and years.
  seconds
    .flatMap((each) => [each, each - (each % 86_400), each - (each % 86_400) - 1])
    .map((each) => new Date(each * 1000).toISOString()),
);

const start: Readonly<Record<string, (date: Date) => number>> = {
  hour: (date) => Math.floor(date.getTime() / 3_600_000),
  day: (date) => Math.floor(date.getTime() / 86_400_000),
  // 1 January 1970 was a Thursday; weeks begin on Mondays.
  week: (date) => Math.floor((date.getTime() / 86_400_000 + 3) / 7),
  month: (date) => date.getUTCFullYear() * 12 + date.getUTCMonth(),
  quarter: (date) => date.getUTCFullYear() * 4 + Math.floor(date.getUTCMonth() / 3),
  year: (date) => date.getUTCFullYear(),
  decade: (date) => Math.floor(date.getUTCFullYear() / 10),
};

describe("the levels of a value", () => {
  it.each([[["hour", "day", "week"] as const], [["hour", "day", "month", "quarter", "year", "decade"] as const]])(
    "of a time are its %j in UTC, each follows from the one before, and none loses less",
    async (units) => {
      await fc.assert(
        fc.asyncProperty(instants, async (values) => {
          const found = await levelsOf("instants", values, { kind: "time", units });
          expect(isMonotone(found)).toBe(true);
          for (const [level, unit] of units.entries()) {
            const codes = Map.groupBy(found, ([, levels]) => levels[level]?.code);
            for (const group of codes.values()) {
              expect(new Set(group.map(([value]) => start[unit]?.(new Date(value)))).size).toBe(1);
            }
            expect(codes.size).toBe(new Set(values.map((value) => start[unit]?.(new Date(value)))).size);
          }
        }),
        { numRuns: 25 },
      );
    },
  );

  it("of a number are the bands that it lies in, below zero too and without a rounding", async () => {
    const bands = fc.constantFrom(
      { widths: ["0.1", "0.3", "3"], from: "0" },
      { widths: ["3", "9"], from: "-0.05" },
      { widths: ["0.7", "7"], from: "100.1" },
    );
    const hundredths = fc.uniqueArray(fc.integer({ min: -2000, max: 2000 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(bands, hundredths, async ({ widths, from }, numbers) => {
        const values = numbers.map((each) => (each / 100).toFixed(2));
        const found = await levelsOf("amounts", values, { kind: "bands", widths, from });
        expect(isMonotone(found)).toBe(true);
        for (const [level, width] of widths.entries()) {
          const bandOf = (hundredth: number): number =>
            Math.floor((hundredth - Math.round(Number(from) * 100)) / Math.round(Number(width) * 100));
          const codes = numbers.map((each, index) => [bandOf(each), found.get(values[index] ?? "")?.[level]?.code]);
          const pairs = new Set(codes.map(String));
          expect(pairs.size).toBe(new Set(codes.map(([band]) => band)).size);
          expect(pairs.size).toBe(new Set(codes.map(([, code]) => code)).size);
        }
      }),
      { numRuns: 40 },
    );
  });
});
