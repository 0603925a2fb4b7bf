import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { choicesOf, isTold, type Told } from "#anonymity/search/due/becomes.ts";
import { searchDueRows, type DueAnswer } from "#anonymity/search/due/search.ts";
import { createDueTables, type DueQuestion } from "#anonymity/search/due/tables.ts";
import { topOf, type Hierarchy, type Steps } from "#anonymity/search/hierarchy.ts";
import type { Thresholds } from "#anonymity/search/judge.ts";
import type { CatalogColumn } from "#catalog/catalog.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import {
  bestOf,
  combinations,
  refusedOf,
  seenAt,
  type People,
  type Row,
} from "#test/anonymity/search/due/reference.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database =
    await createDatabase(`create table small (id int primary key, owner int, editor int, mark int, p text, number numeric, day date, category text, amount int);
    create table entry (request bigint, k1 int); create table person (request bigint, person bigint)`);
});
afterAll(() => database.drop());

const searched = (
  rows: readonly Row[],
  question: DueQuestion,
  people: People,
  thresholds: Thresholds,
): Promise<DueAnswer> =>
  withClient(database.pool, async (client) => {
    await client.query("discard temp; truncate small, entry, person");
    await client.query("insert into small select * from jsonb_populate_recordset(null::small, $1)", [
      JSON.stringify(rows),
    ]);
    // Everybody has asked twice: all of theirs is entered for both requests.
    const entries = [...people].flatMap(([k1, of]) =>
      of.flatMap((p) => [p, p + 100].map((request) => ({ request, k1 }))),
    );
    await client.query("insert into entry select * from jsonb_populate_recordset(null::entry, $1)", [
      JSON.stringify(entries),
    ]);
    await client.query("insert into person select distinct request, request % 100 from entry");
    const db = kyselyOn(client);
    await createDueTables(db, question);
    await client.query("begin isolation level repeatable read read only");
    const found = await searchDueRows(db, question, thresholds, {
      entries: sql`select * from entry`,
      persons: sql`select * from person`,
      key: ["id"],
    });
    await client.query("commit");
    if ("missed" in found) throw new Error("the hierarchies of this test hold every value of rows that are due");
    return found.answer;
  });

const values = ["a", "b", "c"];
/** What stays may be what was published at some level. */
const stayed = [...values, "m", "n", "r", "*"];
const days = ["2024-01-01", "2024-02-29", "2024-04-01", "2025-01-01", "2025-05-06"];
const some = <T>(...of: T[]) => fc.option(fc.constantFrom(...of), { nil: null, freq: 6 });
const rowOf = (text: readonly string[]) =>
  fc.record({
    p: some(...text),
    number: some(0, 1, 2, 4, 5),
    day: some(...days),
    category: some("x", "y", "z"),
    amount: fc.integer({ min: 0, max: 3 }),
  });

/** One and the same, several times: nobody is alone because nobody is equal to them. */
const several = <T>(of: fc.Arbitrary<T>, max: number) =>
  fc
    .array(fc.tuple(of, fc.constantFrom(1, 1, 2, 3, 4)), { maxLength: max, minLength: 1 })
    .map((each) => each.flatMap(([one, times]) => Array.from({ length: times }, () => one)));
const says = { editor: fc.constantFrom(null, null, 7, 8), mark: fc.constantFrom(null, 1) };

/** Rows of up to five people who are due, some of them of two; of the living; and of nobody. What they say of whose they are may be nothing, or somebody else's. */
const table = fc
  .tuple(
    several(
      fc.tuple(
        rowOf(values),
        fc.record(says),
        fc.constantFrom([1], [1], [1], [2], [2], [3], [4], [5], [1, 2], [3, 5]),
        fc.constantFrom("first", "first", "first", "first", null, 9),
      ),
      8,
    ),
    several(fc.tuple(rowOf(stayed), fc.record(says), fc.constantFrom(null, null, 8, 9, 9, 9, 1)), 9),
  )
  .map(([due, stay]) => {
    const rows = [
      ...due.map(([row, more, [first = null], owner], id): Row => ({
        id,
        owner: owner === "first" ? first : owner,
        ...more,
        ...row,
      })),
      ...stay.map(([row, more, owner], index): Row => ({ id: due.length + index, owner, ...more, ...row })),
    ];
    return { rows, people: new Map(due.map(([, , owners], id) => [id, owners])) };
  });

const column = (name: string, type: string): CatalogColumn =>
  ({ name, type, nullable: true, shape: type === "text" ? "text" : "other" }) as unknown as CatalogColumn;
const columns = { p: column("p", "text"), number: column("number", "numeric"), day: column("day", "date") };

const text: Steps = {
  kind: "text",
  names: ["one", "two"],
  groups: new Map([
    ["a", ["m", "r"]],
    ["b", ["m", "r"]],
    ["c", ["n", "m"]],
  ]),
};
const steps: Readonly<Record<keyof typeof columns, fc.Arbitrary<Steps>>> = {
  p: fc.constantFrom<Steps[]>(text, { kind: "text", names: [], groups: new Map() }),
  number: fc.constantFrom<Steps[]>(
    { kind: "bands", widths: ["2", "4"], from: "0" },
    { kind: "bands", widths: ["3"], from: "1" },
  ),
  // No policy cuts to a decade.
  day: fc.constantFrom<Steps[]>(
    { kind: "time", units: ["month", "quarter", "decade"] },
    { kind: "time", units: ["year"] },
  ),
};

/** What the policy says now may be none of the levels. */
const others: Readonly<Record<keyof typeof columns, Told>> = {
  p: { kind: "generalise", map: { a: "m" }, otherwise: "n" },
  number: { kind: "code", bottom: 1, top: 4 },
  day: { kind: "constant", value: "2024-01-01" },
};

const dueColumn = (name: keyof typeof columns) =>
  fc.tuple(steps[name], fc.boolean(), fc.nat()).map(([of, bounded, pick]) => {
    const hierarchy: Hierarchy = { column: name, steps: of, most: topOf({ steps: of }) - Number(bounded) };
    const { choices } = choicesOf(hierarchy, columns[name]);
    const rules = [...choices.map(({ transform }) => transform), others[name]];
    return { hierarchy, type: columns[name].type, choices, now: rules[pick % rules.length] };
  });

const asked = fc.record({
  k: fc.integer({ min: 1, max: 4 }),
  l: fc.constantFrom(undefined, undefined, 2, 3),
  t: fc.constantFrom(undefined, undefined, 0.1, 0.34, 0.6),
});

const emptied = (...which: string[]) => which.map((name) => ({ name, transform: { kind: "null" as const } }));

const question = fc
  .tuple(
    dueColumn("p"),
    dueColumn("number"),
    dueColumn("day"),
    fc.constantFrom<number[]>([0], [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]),
    fc.boolean(),
    fc.constantFrom(false, false, true),
    fc.constantFrom([], ["owner"], ["owner"], ["owner"], ["owner"], ["owner", "editor"]),
    fc.constantFrom(["owner"], ["owner"], ["mark"], ["owner", "mark"], []),
  )
  .map(([p, number, day, taken, moves, nameless, whose, signs]) => ({
    nameless,
    whose,
    signs: emptied(...signs),
    // What is measured may be a sign as well, and tells nobody what was published.
    treated: emptied(...signs.filter((name) => name !== "mark")),
    columns: [p, number, day].filter((_, index) => taken.includes(index)),
    // What the policy makes of a sensitive value changes the table that all classes are compared with.
    sensitive: [
      { column: "category", type: "text", ordered: false, after: { kind: "keep" } },
      {
        column: "amount",
        type: "integer",
        ordered: true,
        after: moves ? { kind: "band", width: 2, from: 0 } : { kind: "keep" },
      },
    ] satisfies DueQuestion["sensitive"],
  }));

describe("the levels that a search finds for the rows that are due", () => {
  it("are those that a look at every combination finds, beside rows that stay as they are", async () => {
    const counted = { met: 0, refused: 0, pruned: 0, cascades: 0, same: 0 };
    await fc.assert(
      fc.asyncProperty(table, question, asked, async ({ rows, people }, of, thresholds) => {
        const measured = thresholds.l === undefined && thresholds.t === undefined ? [] : of.sensitive;
        const whole: DueQuestion = {
          table: "small",
          ...of,
          sensitive: measured,
        };
        const found = await searched(rows, whole, people, thresholds);
        const all = combinations(rows, whole, people, thresholds);
        const { met, best } = bestOf(all);
        expect(found.met).toBe(met);
        expect(found.nodes).toBe(all.length);
        expect(found.rows).toBe(people.size);
        expect(found.people).toBe(new Set([...people.values()].flat()).size);
        expect(found.refused).toBe(refusedOf(all));
        expect(found.best?.levels).toEqual(best?.levels);
        expect(found.best?.loss).toBeCloseTo((best?.loss ?? 0) / 1e6 / people.size / of.columns.length, 12);
        const { held, missing, weakened, waits, classes, k } = best ?? all[0] ?? expect.unreachable();
        expect(found.best).toMatchObject({ held, missing, weakened, waits, classes, k });
        const rules = of.columns.flatMap(({ now }) => (now !== undefined && isTold(now) ? [now] : []));
        expect(found.now).toMatchObject(seenAt(rows, whole, people, thresholds, rules));
        const bySize = seenAt(rows, { ...whole, whose: [] }, people, thresholds, rules);
        counted.same += Number(bySize.k > (found.now?.k ?? 0));
        counted.met += Number(met);
        counted.refused += Number(found.refused > 0);
        counted.pruned += Number(!met && found.looked < found.nodes);
        counted.cascades += Number([found.best, found.now].some((at) => at !== null && at.waits > at.held.people));
      }),
      { numRuns: 120 },
    );
    // Where nothing meets, most is known without a look; and what meets at a level may not at a coarser one.
    expect(counted.met).toBeGreaterThan(5);
    expect(counted.refused).toBeGreaterThan(0);
    expect(counted.pruned).toBeGreaterThan(5);
    expect(counted.cascades).toBeGreaterThan(0);
    // Rows that stay are fewer people than rows.
    expect(counted.same).toBeGreaterThan(0);
  }, 240_000);
});
