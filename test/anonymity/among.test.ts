import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { classesOf } from "#anonymity/classes.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { distance } from "#test/anonymity/reference.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

const cell = fc.option(fc.constantFrom("a", "b"), { nil: null });
const amount = fc.option(fc.integer({ min: 0, max: 4 }), { nil: null });
const row = fc.record({ p: cell, q: cell, amount, mine: fc.boolean() });

type Row = {
  readonly p: string | null;
  readonly q: string | null;
  readonly amount: number | null;
  readonly mine: boolean;
};
type Found = { size: number; l: number; t: number };

const quasi = ["p", "q"];
const sensitive = [{ column: "amount", ordered: true }];

const keyOf = ({ p, q }: Row): string => JSON.stringify([p, q]);

/** Of every class that holds a row of mine: how large it is, how many values it has, how far they are from the whole table. */
const expected = (rows: readonly Row[]): readonly Found[] => {
  const mine = new Set(rows.filter((each) => each.mine).map(keyOf));
  return [...Map.groupBy(rows, keyOf)]
    .filter(([key]) => mine.has(key))
    .map(([, some]) => ({
      size: some.length,
      l: new Set(valuesOf(some)).size,
      t: distance(valuesOf(some), valuesOf(rows), { ordered: true }),
    }));
};

const valuesOf = (rows: readonly Row[]): readonly (number | null)[] => rows.map((each) => each.amount);

const sorted = (found: readonly Found[]): readonly Found[] =>
  found
    .map(({ size, l, t }) => ({ size, l, t: Number(t.toFixed(9)) }))
    .toSorted((a, b) => a.size - b.size || a.l - b.l || a.t - b.t);

test("only the classes that hold rows of a batch are looked at, as the whole table is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
      const source = sql`(select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (p text, q text, amount int, mine boolean))`;
      const among = sql`select distinct p, q from ${source} m where mine`;
      const found = await withClient(database.pool, (client) =>
        sql<Found>`with ${classesOf(source, { quasi, sensitive }, among)}
          select size, l, distance as t from class join in0 using (c)`.execute(kyselyOn(client)),
      );
      expect(sorted(found.rows)).toEqual(sorted(expected(rows)));
    }),
    { numRuns: 120 },
  );
});
