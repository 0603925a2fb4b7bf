import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
import { publishReport } from "#report/publish.ts";
import { reportDocument, type ConservedItem } from "#report/report-document.ts";
import { fillState, nightRun } from "#test/report/fill-state.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let lethe: TestContext;
beforeEach(async () => {
  lethe = await testContext({ now: "2026-11-02T01:01:02Z" });
  await fillState(lethe.context.state, 96);
  await lethe.state.query("delete from lethe.conserved");
});
afterEach(() => lethe.dispose());

const batch = (n: number): string => `6f2b0c1e-0000-4000-8000-00000000000${n}`;

type Cell = { readonly of?: string; readonly people: number; readonly measure?: string; readonly lost?: number };

/** Totals of January of a batch, of `people` each; `lost`: so many are missing afterwards, for a deadline. */
const totals = async (cells: readonly Cell[], n = 1): Promise<void> => {
  await lethe.state.query(
    `insert into lethe.conserved (run_id, batch_id, store, table_name, measure, period, before, after, people, dimensions, late)
     select $1, $2, 'shop', 'events', coalesce(measure, 'count'), '2026-01-01', people, people - coalesce(lost, 0), people,
       case when "of" is null then '{}' else jsonb_build_object('diagnosis', "of") end, lost is not null
     from jsonb_to_recordset($3::jsonb) as x ("of" text, people int, measure text, lost int)`,
    [nightRun, batch(n), JSON.stringify(cells)],
  );
};

const published = async (): Promise<readonly ConservedItem[]> => {
  await writeCheckpoint(lethe.context, nightRun);
  const { directory } = await publishReport(lethe.context, nightRun);
  return reportDocument.parse(JSON.parse(await readFile(join(directory, "report.json"), "utf8"))).analytics.conserved;
};

const common = ["asthma", "flu", "gout", "migraine"].map((of, index) => ({ of, people: 40 + index }));
const told = common.map(({ of, people }) => [{ diagnosis: of }, String(people)]);

test.each([
  ["among the others", ["cancer", "hiv", "ulcer"]],
  ["behind the others", ["rabies", "scurvy", "yaws"]],
  ["one more than otherwise", ["anthrax", "cancer", "hiv", "ulcer"]],
])("of which values too few people are the report does not tell: %s", async (_, rare) => {
  await totals([...common, ...rare.map((of) => ({ of, people: 3 }))]);
  const items = await published();
  expect(items.slice(0, -1).map(({ by, before }) => [by, before])).toEqual(told);
  // One, and behind the others: neither where it stands nor how many it stands for says which.
  expect(items.at(-1)).toEqual({
    store: "shop",
    table: "events",
    measure: "count",
    period: "2026-01-01",
    by: null,
    before: null,
    after: null,
    equal: true,
    why: null,
  });
});

test("which of the withheld values a deadline has changed is not told, only that one of them was", async () => {
  await totals([...common, { of: "cancer", people: 3 }, { of: "hiv", people: 3, lost: 1 }, { of: "ulcer", people: 3 }]);
  const items = await published();
  expect(items.map(({ by, equal, why }) => [by === null, equal, why])).toEqual([
    ...told.map(() => [false, true, null]),
    [true, false, "deadline"],
  ]);
});

test("a difference that no deadline explains is not hidden behind one that a deadline does", async () => {
  await totals([...common, { of: "hiv", people: 3, lost: 1 }, { of: "ulcer", people: 3 }]);
  await lethe.state.query("update lethe.conserved set after = 2 where dimensions ->> 'diagnosis' = 'ulcer'");
  expect((await published()).at(-1)).toMatchObject({ by: null, equal: false, why: null });
});
