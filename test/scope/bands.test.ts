import fc from "fast-check";
import { sql, type RawBuilder } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stepsSql } from "#anonymity/search/steps-sql.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { coarserSql } from "#scope/coarser.ts";
import { bandedDecimals, bandedDoubles, isSame, lowerEndOf, type Banded } from "#test/scope/exact-bands.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

const textOf = async (expression: RawBuilder<unknown>): Promise<string> =>
  withClient(database.pool, async (client) => {
    const { rows } = await sql<{ v: string }>`select (${expression})::text as v`.execute(kyselyOn(client));
    return rows[0]?.v ?? "";
  });

const banded = (type: string, { written, width, from }: Banded): Promise<string> =>
  textOf(coarserSql(sql`${written}::${sql.raw(type)}`, type, { kind: "band", width, from }));

const settings = { seed: 11, numRuns: 300 };

test("a number is never lifted above itself, nor falls below its band, however large it is", async () => {
  await fc.assert(
    fc.asyncProperty(bandedDecimals, async (each) => {
      const found = await banded("numeric", each);
      expect(isSame(found, lowerEndOf(each)), `${found} for ${each.written}`).toBe(true);
    }),
    settings,
  );
});

test("nor is a binary one, of which all digits count that PostgreSQL writes", async () => {
  await fc.assert(
    fc.asyncProperty(bandedDoubles, async (each) => {
      expect(Number(await banded("double precision", each))).toBe(Number(lowerEndOf(each)));
    }),
    settings,
  );
  expect(await banded("real", { written: "9999999", width: 10, from: 0 })).toBe("9.99999e+06");
});

test("what is infinite, or no number, stays so", async () => {
  for (const written of ["Infinity", "-Infinity", "NaN"])
    expect(await banded("numeric", { written, width: 10, from: 5 })).toBe(written);
});

test("the search for levels puts a number into the band into which the policy would put it", async () => {
  await fc.assert(
    fc.asyncProperty(bandedDecimals, async (each) => {
      const { join, steps } = stepsSql({ kind: "bands", widths: [String(each.width)], from: String(each.from) });
      const group = sql.join(steps.map((step) => step.group));
      const found = await textOf(
        sql`with d as materialized (select ${each.written}::numeric as v) select ${group} from d ${join}`,
      );
      expect(isSame(found, lowerEndOf(each))).toBe(true);
    }),
    { ...settings, numRuns: 50 },
  );
});
