import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { measure, type Wanted } from "#anonymity/measures.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { expectMeasures, measuresOf, type Rows } from "#test/anonymity/reference.ts";
import { loadPublicTable, publicTablesMissing } from "#test/anonymity/public-tables.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

const measured = (source: ReturnType<typeof sql>, wanted: Wanted) =>
  withClient(database.pool, (client) => measure(kyselyOn(client), source, wanted));

describe.skipIf(publicTablesMissing !== undefined)("on public tables whose measures are known", () => {
  const of = async (table: string, quasi: readonly string[], column: string, ordered = false) => {
    await loadPublicTable(database.pool, table);
    return measured(sql.table(table), { quasi, sensitive: [{ column, ordered }], least: 5 });
  };

  it("hospital: 13 rows in 5 classes, k 2, l 1, t 0.6153846154", async () => {
    const { sensitive, ...rest } = await of("hospital_anonymized", ["age", "gender", "city"], "disease");
    expect(rest).toMatchObject({ rows: 13, classes: 5, k: 2, unique: 0 });
    expect(sensitive[0]?.l).toBe(1);
    expect(sensitive[0]?.t).toBeCloseTo(0.6153846154, 10);
  });

  it("students: 216 rows in 46 classes, k 1, l 1, t 0.4165919952 of ordered scores", async () => {
    const quasi = ["Teacher", "Gender", "Ethnic", "Freeredu", "wesson"];
    const { sensitive, ...rest } = await of("StudentsMath_Score", quasi, "Score", true);
    expect(rest).toMatchObject({ rows: 216, classes: 46, k: 1 });
    expect(sensitive[0]?.l).toBe(1);
    expect(sensitive[0]?.t).toBeCloseTo(0.4165919952, 10);
  });

  it("UCI Adult: 32,561 rows in 15,093 classes, k 1, 10,154 of them alone", async () => {
    const quasi = ["age", "education", "occupation", "relationship", "sex", "native-country"];
    const { sizes, sensitive, ...rest } = await of("adult", quasi, "salary-class");
    expect(rest).toMatchObject({ rows: 32_561, classes: 15_093, k: 1, unique: 10_154 });
    expect(sizes[0]).toEqual({ from: 1, to: 1, classes: 10_154, rows: 10_154 });
    expect(sizes.reduce((sum, { rows }) => sum + rows, 0)).toBe(32_561);
    expect(sensitive[0]?.l).toBe(1);
  });
});

const cell = fc.option(fc.constantFrom("a", "b", "c"), { nil: null });
const amount = fc.option(fc.integer({ min: -3, max: 6 }), { nil: null });
const row = fc.record({ p: cell, q: cell, category: cell, amount });

/** As a subquery, so that small tables cost no table. */
const sourceOf = (rows: Rows) =>
  sql`(select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r (p text, q text, category text, amount int))`;

describe("on any small table", () => {
  it("every measure is what its definition says, NULLs and all", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 24 }),
        fc.subarray(["p", "q"]),
        fc.integer({ min: 2, max: 5 }),
        async (rows, quasi, least) => {
          const sensitive = [
            { column: "category", ordered: false },
            { column: "amount", ordered: true },
          ];
          const found = await measured(sourceOf(rows), { quasi, sensitive, least });
          expectMeasures(found, measuresOf(rows, { quasi, sensitive, least }));
        },
      ),
      { numRuns: 150 },
    );
  });

  it("without a sensitive column the classes are the same", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 24 }), async (rows) => {
        const wanted = { quasi: ["p", "q"], least: 3 };
        const { sensitive: _, ...bare } = await measured(sourceOf(rows), { ...wanted, sensitive: [] });
        const sensitive = [{ column: "amount", ordered: true }];
        const { sensitive: _also, ...full } = await measured(sourceOf(rows), { ...wanted, sensitive });
        expect(bare).toEqual(full);
      }),
      { numRuns: 40 },
    );
  });

  it("an empty table has no classes, and measures of nothing", async () => {
    const sensitive = [
      { column: "category", ordered: false },
      { column: "amount", ordered: true },
    ];
    expect(await measured(sourceOf([]), { quasi: ["p"], sensitive, least: 2 })).toEqual({
      rows: 0,
      classes: 0,
      k: 0,
      unique: 0,
      below: 0,
      sizes: [],
      sensitive: sensitive.map((each) => ({ ...each, values: 0, l: 0, entropyL: 0, t: 0 })),
    });
  });
});
