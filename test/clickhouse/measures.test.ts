import fc from "fast-check";
import { afterAll, beforeAll, describe, test } from "vitest";
import { measureColumns } from "#clickhouse/measures.ts";
import { expectMeasures, measuresOf } from "#test/anonymity/reference.ts";
import { inProcess } from "#test/clickhouse/columns-night.ts";
import { openStore, streamed } from "#test/clickhouse/columns-store.ts";

const cell = fc.option(fc.constantFrom("a", "b", "c"), { nil: null });
const amount = fc.option(fc.integer({ min: -3, max: 6 }), { nil: null });
const row = fc.record({ p: cell, q: cell, category: cell, amount });

describe.skipIf(!inProcess)("on any small table of ClickHouse", () => {
  let store: Awaited<ReturnType<typeof openStore>>;
  beforeAll(async () => {
    store = await openStore();
    await store.client.run(
      "create table web.t (p Nullable(String), q Nullable(String), category Nullable(String), amount Nullable(Int32)) engine = Memory",
    );
  });
  afterAll(() => store.dispose());

  test("every measure is what its definition says, NULLs and all", async () => {
    const { client } = store;
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 24 }),
        fc.subarray(["p", "q"]),
        fc.integer({ min: 2, max: 5 }),
        async (rows, quasi, least) => {
          await client.run("truncate table web.t");
          const values = rows.map(({ p, q, category, amount: number }) => [p, q, category, number]);
          await client.insert("web.t", ["p", "q", "category", "amount"], streamed(values));
          const sensitive = [
            { column: "category", ordered: false },
            { column: "amount", ordered: true },
          ];
          const found = await measureColumns(client, "web.cells", "web.t", { quasi, sensitive, least });
          await client.run("drop table web.cells sync");
          expectMeasures(found, measuresOf(rows, { quasi, sensitive, least }));
        },
      ),
      { numRuns: 60 },
    );
  });
});
