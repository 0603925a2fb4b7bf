import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { events, policy, schema, searchIn } from "#test/anonymity/search/shop.ts";
import { createProject, type Project } from "#test/support/project.ts";

let project: Project;
beforeAll(async () => {
  project = await createProject({ schema, policy });
});
afterAll(() => project.dispose());

const { search, asJson } = searchIn(() => project);

describe("lethe anonymity search", () => {
  it("says how many rows have a value that the hierarchy misses, and never the value", async () => {
    const yaml = "hierarchies:\n  at: { levels: [] }\n  country: { levels: [{ DE: DACH }] }\n";
    const { code, document } = await asJson(yaml, "events");
    expect(code).toBe(2);
    expect(document.error).toMatchObject({
      code: "HIERARCHIES_INVALID",
      message: "6 rows have a value of country of which the hierarchy says nothing (2 different values)",
      hint: "give each value of the column its groups",
    });
    expect(JSON.stringify(document)).not.toMatch(/FR|AT/);
  });

  it.each([
    [
      "a column that there is not",
      "contry: { levels: [] }\n  at: { levels: [] }",
      "there is no column of events called contry",
      2,
    ],
    [
      "a time of what is text",
      "country: { time: [day] }\n  at: { levels: [] }",
      "country is text: `time` is for dates and times",
      2,
    ],
    [
      "bands of what is a time",
      "country: { levels: [] }\n  at: { bands: [1] }",
      "at is timestamp with time zone: `bands` are",
      3,
    ],
    [
      "a quasi-identifier of the policy without a hierarchy",
      "country: { levels: [] }",
      "the policy names at as a quasi-",
      1,
    ],
  ])("refuses %s, with its place", async (_, body, message, line) => {
    const { code, document } = await asJson(`hierarchies:\n  ${body}\n`, "events");
    expect(code).toBe(2);
    expect(document.error).toMatchObject({ code: "HIERARCHIES_INVALID" });
    expect(document.error["message"]).toContain(message);
    expect(JSON.stringify(document.error)).toContain(`"line":${line}`);
  });

  it("refuses days of dates, which are days already", async () => {
    const { document } = await asJson("hierarchies:\n  d: { time: [day, month] }\n", "odd");
    expect(document.error["message"]).toBe("d is date: day does not make it coarser");
  });

  it("refuses more combinations of levels than it can hold", async () => {
    const widths = Array.from({ length: 40 }, (_, index) => 2 ** index).join(", ");
    const yaml = `hierarchies:\n${["a", "b", "c", "d"].map((name) => `  ${name}: { bands: [${widths}] }\n`).join("")}`;
    const { code, document } = await asJson(yaml, "wide");
    expect(code).toBe(2);
    expect(document.error).toMatchObject({
      code: "USAGE",
      message: "the hierarchies make 3,111,696 combinations of levels, more than 1,000,000",
    });
  });

  it.each([
    [
      ["events", "--t", "0.2", "--suppress", "5", "--sensitive", "plan"],
      "t and rows held back cannot be asked for at once",
    ],
    [["events", "--l", "2"], "l and t are measured of sensitive columns, and none is named"],
    [["events", "--sensitive", "country"], "country cannot be a quasi-identifier and sensitive at once"],
    [["evnts"], "there is no table of store shop called evnts"],
  ])("refuses %j", async (args, message) => {
    const { code, document } = await asJson(events, ...args);
    expect(code).toBe(2);
    expect(document.error).toMatchObject({ code: "USAGE", message });
  });

  it.each([
    ["--t", "2"],
    ["--t", ""],
    ["--suppress", "101"],
    ["--suppress", "-1"],
    ["--l", "1"],
  ])("refuses %s %s", async (...option) => {
    expect((await search(events, "anonymity", "search", "events", ...option)).code).toBe(2);
  });
});
