import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { columnTransformSql } from "#clickhouse/transforms.ts";
import { inProcess } from "#test/clickhouse/columns-night.ts";
import { openStore } from "#test/clickhouse/columns-store.ts";
import { bandedDecimals, bandedDoubles, isSame, lowerEndOf, type Banded } from "#test/scope/exact-bands.ts";

const of = {
  database: "web",
  table: "t",
  timeZone: "UTC",
  now: { instant: "2026-01-01T00:00:00Z", day: "2026-01-01" },
};

describe.skipIf(!inProcess)("in ClickHouse", () => {
  let store: Awaited<ReturnType<typeof openStore>>;
  beforeAll(async () => {
    store = await openStore();
  });
  afterAll(() => store.dispose());

  const banded = async (type: string, { written, width, from }: Banded): Promise<string> => {
    const end = columnTransformSql({ name: "v", transform: { kind: "band", width, from } }, { ...of, type });
    const [row] = await store.client.rows<{ v: string }>(
      `select toString(${end}) as v from (select cast('${written}', '${type}') as v) t`,
    );
    return row?.v ?? "";
  };

  test("a number is never lifted above itself, nor falls below its band, however large it is", async () => {
    await fc.assert(
      fc.asyncProperty(bandedDecimals, async (each) => {
        const found = await banded("Nullable(Decimal(38, 8))", each);
        expect(isSame(found, lowerEndOf(each)), `${found} for ${each.written}`).toBe(true);
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  test("nor is a binary one, also where it has more decimals than its bands; what is no number stays so", async () => {
    await fc.assert(
      fc.asyncProperty(bandedDoubles, async (each) => {
        expect(Number(await banded("Float64", each))).toBe(Number(lowerEndOf(each)));
      }),
      { seed: 11, numRuns: 200 },
    );
    const ten = { width: 10, from: 0 };
    expect(await banded("Float32", { ...ten, written: "-10.0000095" })).toBe("-20");
    expect(await banded("Nullable(Float64)", { ...ten, written: "nan" })).toBe("nan");
  });
});
