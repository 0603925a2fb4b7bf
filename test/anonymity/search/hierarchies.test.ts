import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { becomes, topOf } from "#anonymity/search/hierarchy.ts";
import { readHierarchies } from "#anonymity/search/read-hierarchies.ts";
import { isLetheError, type LetheError } from "#lib/errors.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-hierarchies-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const read = async (yaml: string, csv?: string) => {
  const file = join(directory, "hierarchies.yaml");
  await writeFile(file, yaml);
  if (csv !== undefined) await writeFile(join(directory, "groups.csv"), csv);
  return readHierarchies(file);
};

const refused = async (yaml: string, csv?: string): Promise<LetheError> => {
  const error: unknown = await read(yaml, csv).catch((thrown: unknown) => thrown);
  if (isLetheError(error)) return error;
  throw new Error("nothing was refused");
};

describe("a file of hierarchies", () => {
  it("says in its order what each quasi-identifier becomes, up to one value for all", async () => {
    const { hierarchies } = await read(
      [
        "hierarchies:",
        "  born_on: { time: [month, quarter, year] }",
        "  income: { bands: [0.5, 2.5], from: -1, most: 2 }",
        "  city: { levels: [{ Bonn: West, Köln: West, Berlin: East }, { West: DE, East: DE }] }",
        "  school: { file: groups.csv }",
        "  sex: { levels: [] }",
      ].join("\n"),
      "value;stage;kind\nBA;university;higher\n'MA';university;higher\nnone;\"no; none\";lower\n",
    );
    const words = hierarchies.map((each) =>
      Array.from({ length: topOf(each) + 1 }, (_, level) => becomes(each, level)),
    );
    expect(hierarchies.map(({ column, most }) => [column, most])).toEqual([
      ["born_on", 4],
      ["income", 2],
      ["city", 3],
      ["school", 3],
      ["sex", 1],
    ]);
    expect(words).toEqual([
      ["as it is", "the month", "the quarter", "the year", "one value for all"],
      ["as it is", "bands of 0.5 from -1", "bands of 2.5 from -1", "one value for all"],
      ["as it is", "2 groups: West, East", "1 group: DE", "one value for all"],
      ["as it is", "2 groups: university, no; none", "2 groups: higher, lower", "one value for all"],
      ["as it is", "one value for all"],
    ]);
  });

  it.each([
    [
      "a week before a month",
      "time: [day, week, month]",
      2,
      "not monotone: a week may lie in two of month",
      "leave out",
    ],
    ["units from coarse to fine", "time: [year, month]", 2, "month is not coarser than year", "from fine to coarse"],
    ["the same unit twice", "time: [year, year]", 2, "year is not coarser than year", "from fine to coarse"],
    ["an unknown unit", "time: [fortnight]", 2, "expected one of `hour`, `day`", "mend"],
    ["a width that is no multiple", "bands: [5, 12]", 2, "not monotone: this width is no multiple", "whole bands"],
    [
      "decimals that are no multiple",
      "bands: [0.1, 0.25]",
      2,
      "not monotone: this width is no multiple",
      "whole bands",
    ],
    ["the same width twice", "bands: [5, 5]", 2, "not monotone: this width is no multiple", "whole bands"],
    ["a width of nothing", "bands: [0]", 2, "must be more than 0", "mend"],
    ["a width beyond plain decimals", "bands: [1e21]", 2, "as a number it would not be what is written", "quotes"],
    ["`from` without bands", "levels: []\n    from: 3", 2, "`from` says where `bands` begin", "mend"],
    [
      "two kinds at once",
      "levels: []\n    time: [day]",
      2,
      "expected exactly one of time, bands, levels, file",
      "mend",
    ],
    ["no kind", "most: 1", 2, "expected exactly one of time, bands, levels, file", "mend"],
    ["a misspelt kind", "tiem: [day]", 3, "unknown key `tiem`", "did you mean `time`?"],
    ["a level above the last", "bands: [5]\n    most: 3", 4, "there are only the levels 0 to 2", "mend"],
    ["a group that is no text", "levels: [{ a: 1 }]", 2, "expected text", "mend"],
    [
      "a group that the next map misses",
      "levels: [{ a: x, b: y }, { x: z }]",
      3,
      "does not say what becomes of this group",
      "give it",
    ],
    [
      "a map of what is no group",
      "levels: [{ a: west }, { west: z, wset: z }]",
      3,
      "has no such group",
      "did you mean `west`?",
    ],
  ])("refuses %s, with its place", async (_, body, line, message, hint) => {
    const error = await refused(`hierarchies:\n  c:\n    ${body}\n`);
    expect(error.code).toBe("HIERARCHIES_INVALID");
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
    expect(error.place?.file).toMatch(/hierarchies\.yaml$/);
    expect([line, 3]).toContain(error.place?.line);
    expect(error.place?.column).toBeGreaterThan(0);
  });

  it.each([
    [
      "a level that does not follow from the one before",
      "value;a;b\n1;x;p\n2;y;q\n3;x;q\n",
      4,
      "not monotone: the same group of `a`",
    ],
    ["a value that stands there twice", "value,a\n1,x\n2,x\n1,x\n", 4, "stands in the file twice"],
    ["a line with too few cells", "value\ta\tb\n1\tx\ty\n2\tx\n", 3, "its group at each of 2 levels"],
    ["an empty cell", "value;a\n1;\n", 2, "its group at one level"],
    ["a file without levels", "value\n1\n", 1, "expected a header"],
    ["a file without values", "value;a\n", 1, "expected a header"],
    ["a quotation mark that is never closed", 'value;a\n1;"x\n2;y\n', 2, "quotation mark"],
  ])("refuses %s, with the line of the CSV file", async (_, csv, line, message) => {
    const error = await refused("hierarchies: { c: { file: groups.csv } }", csv);
    expect(error).toMatchObject({ code: "HIERARCHIES_INVALID", place: { line } });
    expect(error.place?.file).toMatch(/groups\.csv$/);
    expect(error.message).toContain(message);
  });

  it("lists every mistake with its place", async () => {
    const error = await refused("hierarchies:\n  a: { time: [year, month] }\n  b: { bands: [2, 3] }\n");
    expect(error.message).toMatch(/\(and 1 more\)\n.*hierarchies\.yaml:2:21 .*\n.*hierarchies\.yaml:3:19 /);
  });

  it.each([
    ["no file", "hierarchies: { c: { file: nowhere.csv } }"],
    ["no quasi-identifier", "hierarchies: {}"],
    ["no hierarchies", "columns: { a: { time: [day] } }"],
  ])("refuses %s", async (_, yaml) => {
    expect((await refused(yaml)).code).toMatch(/^HIERARCHIES_(MISSING|INVALID)$/);
  });

  it("is missing where there is none", async () => {
    await expect(readHierarchies(join(directory, "none.yaml"))).rejects.toMatchObject({ code: "HIERARCHIES_MISSING" });
  });
});
