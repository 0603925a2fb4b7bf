import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { topOf, type Hierarchy, type Steps } from "#anonymity/search/hierarchy.ts";
import { search, type Answer, type Wanted } from "#anonymity/search/search.ts";
import { createSearchTables, type Question } from "#anonymity/search/tables.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { candidates, leastOf } from "#test/anonymity/search/brute-force.ts";
import type { Rows } from "#test/anonymity/reference.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase("create table small (p text, number numeric, day date, category text, amount int)");
});
afterAll(() => database.drop());

/** Searched as the command does it: the tables made outside of a transaction that may only read. */
const searched = (rows: Rows, question: Question, wanted: Wanted): Promise<Answer> =>
  withClient(database.pool, async (client) => {
    await client.query("truncate small");
    await client.query("insert into small select * from jsonb_populate_recordset(null::small, $1)", [
      JSON.stringify(rows),
    ]);
    const db = kyselyOn(client);
    await createSearchTables(db, question);
    await client.query("begin isolation level repeatable read read only");
    const answer = await search(db, question, wanted);
    await client.query("commit");
    if ("missed" in answer) throw new Error("the hierarchies of this test hold every value");
    return answer;
  });

const values = ["a", "b", "c", "d"];
const row = fc.record({
  p: fc.option(fc.constantFrom(...values), { nil: null, freq: 8 }),
  number: fc.option(fc.integer({ min: -6, max: 12 }), { nil: null, freq: 8 }),
  day: fc.option(fc.constantFrom("2023-12-31", "2024-01-01", "2024-02-29", "2024-05-05", "2025-05-06"), {
    nil: null,
    freq: 8,
  }),
  category: fc.option(fc.constantFrom("x", "y", "z"), { nil: null, freq: 8 }),
  amount: fc.integer({ min: 0, max: 4 }),
});

const steps: fc.Arbitrary<Steps>[] = [
  fc
    .tuple(
      fc.array(fc.constantFrom("m", "n", "o"), { minLength: 4, maxLength: 4 }),
      fc.record({ m: fc.constantFrom("r", "s"), n: fc.constantFrom("r", "s"), o: fc.constantFrom("r", "s") }),
    )
    .map(([first, second]): Steps => ({
      kind: "text",
      names: ["one", "two"],
      groups: new Map(
        values.map((value, index) => [value, [first[index] ?? "m", second[(first[index] ?? "m") as "m"]]]),
      ),
    })),
  fc.constantFrom<Steps[]>(
    { kind: "bands", widths: ["2", "4", "12"], from: "0" },
    { kind: "bands", widths: ["1.5", "4.5"], from: "-0.5" },
    { kind: "text", names: [], groups: new Map() },
  ),
  fc.constantFrom<Steps[]>({ kind: "time", units: ["month", "quarter", "year"] }, { kind: "time", units: ["year"] }),
];

const columns = ["p", "number", "day"];
const hierarchies = fc.tuple(...steps, fc.subarray(columns, { minLength: 1 }), fc.boolean()).map((parts) => {
  const taken = parts[3] as unknown as readonly string[];
  return columns.flatMap((column, index): Hierarchy[] => {
    const of = parts[index] as Steps;
    // One column may be forbidden to become one value for all: then there may be no levels that meet the thresholds.
    const most = topOf({ steps: of }) - Number((parts[4] as unknown as boolean) && index === 0);
    return taken.includes(column) ? [{ column, steps: of, most }] : [];
  });
});

const thresholds = fc.oneof(
  fc.record({
    k: fc.integer({ min: 2, max: 5 }),
    l: fc.constant(undefined),
    t: fc.constant(undefined),
    suppress: fc.constantFrom(0, 0, 10, 35),
  }),
  fc.record({
    k: fc.integer({ min: 1, max: 3 }),
    l: fc.integer({ min: 2, max: 3 }),
    t: fc.constant(undefined),
    suppress: fc.constantFrom(0, 20),
  }),
  fc.record({
    k: fc.integer({ min: 1, max: 3 }),
    l: fc.constantFrom(undefined, 2),
    t: fc.constantFrom(0, 0.1234, 0.3217, 0.6),
    suppress: fc.constant(0),
  }),
);

describe("the levels that a search finds", () => {
  it("are those that a look at every combination of levels finds, with the same loss and the same rows held back", async () => {
    let met = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 18 }),
        hierarchies,
        thresholds,
        async (rows, written, wanted) => {
          const sensitive = [
            { column: "category", ordered: false },
            { column: "amount", ordered: true },
          ];
          const asked = wanted.l === undefined && wanted.t === undefined ? [] : sensitive;
          const question = { table: "small", hierarchies: written, sensitive: asked };
          const found = await searched(rows, question, wanted);
          const all = candidates(rows, written, asked, wanted);
          const allowed = Math.floor((rows.length * wanted.suppress) / 100);
          const best = leastOf(all.filter(({ held }) => held <= allowed));
          expect(found.met).toBe(best !== undefined);
          expect(found.nodes).toBe(all.length);
          met += Number(found.met);
          const fewest = Math.min(...all.map(({ held }) => held));
          const wantedBest = best ?? leastOf(all.filter(({ held }) => held === fewest));
          if (best === undefined && wanted.t !== undefined) return;
          expect(found.best.levels).toEqual(wantedBest?.levels);
          expect(found.best.held).toBe(wantedBest?.held);
          expect(found.best.loss).toBeCloseTo((wantedBest?.loss ?? 0) / 1e6 / rows.length / written.length, 12);
          if (found.met && found.best.held < rows.length) expect(found.best.k).toBeGreaterThanOrEqual(wanted.k);
        },
      ),
      { numRuns: 200 },
    );
    expect(met).toBeGreaterThan(80);
  }, 120_000);
});
