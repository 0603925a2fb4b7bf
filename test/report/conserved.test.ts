import { readFile } from "node:fs/promises";
import { join } from "node:path";
import exceljs, { type Workbook } from "exceljs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
import type { ConservedItem } from "#report/anonymity-document.ts";
import { inkOf } from "#report/palette.ts";
import { publishReport } from "#report/publish.ts";
import { reportDocument } from "#report/report-document.ts";
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

type Note = { readonly text: string; readonly ink: string | undefined };
type Cell = { readonly of?: string; readonly people: number; readonly measure?: string; readonly lost?: number };

/** Totals of January of a batch, of `people` each; `lost`: so many are missing afterwards, for a deadline. */
const totals = async (cells: readonly Cell[], n = 1): Promise<void> => {
  await lethe.state.query(
    `insert into lethe.conserved (run_id, batch_id, store, table_name, measure, period, before, after, equal, people, threshold, dimensions, late)
     select $1, $2, 'shop', 'events', coalesce(measure, 'count'), '2026-01-01', people, people - coalesce(lost, 0), lost is null, people, 5,
       case when "of" is null then '{}' else jsonb_build_object('diagnosis', "of") end, lost is not null
     from jsonb_to_recordset($3::jsonb) as x ("of" text, people int, measure text, lost int)`,
    [nightRun, batch(n), JSON.stringify(cells)],
  );
};

const publish = async (): Promise<string> => {
  await writeCheckpoint(lethe.context, nightRun);
  return (await publishReport(lethe.context, nightRun)).directory;
};

const totalsIn = async (directory: string): Promise<readonly ConservedItem[]> =>
  reportDocument.parse(JSON.parse(await readFile(join(directory, "report.json"), "utf8"))).analytics.conserved;

const published = async (): Promise<readonly ConservedItem[]> => totalsIn(await publish());

const workbookIn = async (directory: string): Promise<Workbook> => {
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.readFile(join(directory, "report.xlsx"));
  return workbook;
};

/** What the first sheet says of them, and in which colour. */
const noteIn = (workbook: Workbook): Note | undefined => {
  let found: Note | undefined;
  workbook.getWorksheet("Summary")?.eachRow((row) =>
    row.eachCell((cell) => {
      if (cell.text.startsWith("Analytics: ")) found = { text: cell.text, ink: cell.font.color?.argb };
    }),
  );
  return found;
};

const common = ["acne", "asthma", "flu", "gout", "migraine"].map((of, index) => ({ of, people: 39 + index }));
// The fewest others go with those that are of too few people, who may be the same few.
const told = common.slice(1).map(({ of, people }) => [{ diagnosis: of }, String(people)]);

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
    untold: "withheld",
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
  await lethe.state.query(
    "update lethe.conserved set after = 2, equal = false where dimensions ->> 'diagnosis' = 'ulcer'",
  );
  expect((await published()).at(-1)).toMatchObject({ by: null, equal: false, why: null });
});

test("the first sheet counts the totals that the report lists, however many batches they are of", async () => {
  const cells = [...common, { of: "hiv", people: 1 }, { of: "ulcer", people: 1 }];
  for (const n of [1, 2, 3]) await totals(cells, n);
  const directory = await publish();
  expect(await totalsIn(directory)).toHaveLength(5);
  expect(noteIn(await workbookIn(directory))).toEqual({
    text: "Analytics: 5 totals are equal before and after.",
    ink: inkOf("muted"),
  });
});

test("the first sheet tells what a deadline has changed from what differs for no reason", async () => {
  await totals([...common, { of: "hiv", people: 3, lost: 1 }, { of: "ulcer", people: 3 }]);
  const unkept = { text: "Analytics: of 5 totals 1 not kept for a deadline: see Exceptions.", ink: inkOf("warn") };
  expect(noteIn(await workbookIn(await publish()))).toEqual(unkept);
});

test("a total that differs for no reason is red on the first sheet", async () => {
  await totals([...common, { of: "hiv", people: 3, lost: 1 }, { of: "ulcer", people: 3 }]);
  await lethe.state.query(
    "update lethe.conserved set after = 39, equal = false where dimensions ->> 'diagnosis' = 'asthma'",
  );
  const differs = {
    text: "Analytics: of 5 totals 1 differs, 1 not kept for a deadline: see Exceptions.",
    ink: inkOf("bad"),
  };
  expect(noteIn(await workbookIn(await publish()))).toEqual(differs);
});

test("numbers of different values of several batches are not called withheld: they cannot be added up", async () => {
  for (const n of [1, 2]) await totals([{ people: 40 }, { people: 40, measure: "distinct(city)" }], n);
  const directory = await publish();
  expect((await totalsIn(directory)).map(({ measure, before, untold }) => [measure, before, untold])).toEqual([
    ["count", "80", null],
    ["distinct(city)", null, "several-batches"],
  ]);
  const words: string[] = [];
  (await workbookIn(directory)).getWorksheet("Analytics")?.eachRow((row) => {
    if (row.getCell(3).text === "distinct(city)") words.push(row.getCell(6).text, row.getCell(7).text);
  });
  expect(words).toEqual(["not added up", "not added up"]);
});
