import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readHierarchies } from "#anonymity/search/read-hierarchies.ts";
import type { Found } from "#anonymity/search/search-table.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const schema = `
create table customers (id int primary key, email text not null);
create table events (id bigint primary key, customer_id int references customers, country text, at timestamptz not null,
  plan text, amount numeric(10,2), payload json);
insert into customers values (1, 'otto@example.org');
insert into events select n, 1, case when n <= 6 then 'DE' when n <= 9 then 'FR' else 'AT' end,
  timestamptz '2025-12-31 23:30:00+00' + n * interval '10 days', case when n % 2 = 0 then 'pro' else 'free' end, n % 3, '{}'
from generate_series(1, 12) n;
create table odd (f float8, m money, d date, s timestamp, empty text, one text);
insert into odd values
  ('NaN', -3.50, 'infinity', 'infinity', null, 'a'), ('Infinity', 2, '-infinity', '2025-01-01', null, 'a'),
  ('-Infinity', 4, '2025-01-01', '2025-02-01', null, 'a'), (-0.5, 4.99, '2025-03-01', '2025-02-28 23:59:59', null, 'a'), (null, null, null, null, null, null);
create table nobody (country text);
create table wide (a int, b int, c int, d int);
`;
const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: anonymise, columns: { email: { unique: "erased-{random}@invalid" } } }
  events:
    treatment: anonymise
    quasi: [country, at]
    k: 3
    columns: { customer_id: { set: null }, country: keep, at: keep, plan: keep, amount: keep, payload: { set: null } }
`;

let project: Project;
beforeAll(async () => {
  project = await createProject({ schema, policy });
});
afterAll(() => project.dispose());

const search = async (yaml: string, ...args: string[]) => {
  await writeFile(join(project.directory, "h.yaml"), yaml);
  return letheHere([...args, "--hierarchies", "h.yaml"], { cwd: project.directory });
};
const asJson = async (yaml: string, ...args: string[]) => {
  const { code, stdout } = await search(yaml, "--json", "anonymity", "search", ...args);
  return { code, document: JSON.parse(stdout) as Found & { readonly error: Record<string, unknown> } };
};

const events = `hierarchies:
  country: { levels: [{ DE: DACH, AT: DACH, FR: other }] }
  at: { time: [month, quarter, year] }
`;

/** One row in Austria is alone; nobody may become one value for all. */
const bounded = `hierarchies:
  country: { levels: [], most: 0 }
  at: { levels: [] }
`;

describe("lethe anonymity search", () => {
  it("shows people the levels, what they cost, and what to write into the policy", async () => {
    const { code, stdout } = await search(events, "anonymity", "search", "events");
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "events in shop: 12 rows by country, at",
        "",
        "Least loss that meets k 3: 0.4102 of 1.",
        "",
        "column   level   becomes        loss",
        "country  0 of 2  as it is     0.0000",
        "at       2 of 4  the quarter  0.8205",
        "",
        "measure                   before   after",
        "k                              1       3",
        "classes                       12       3",
        "rows below what is asked      12       0",
        "loss                      0.0000  0.4102",
        "",
        "Looked at 7 of 15 combinations of levels; of the others none can meet it and lose less.",
        "",
        "For the policy:",
        "",
        "columns:",
        "  country: keep",
        "  # at: `truncate` goes to day, month, year, not to the quarter",
        "",
      ].join("\n"),
    );
  });

  it("takes k from the policy, and answers with everything as JSON", async () => {
    const { code, document } = await asJson(events, "events");
    expect(code).toBe(0);
    expect(document).toMatchObject({
      store: "shop",
      table: "events",
      wanted: { k: 3, suppress: 0, sensitive: [] },
      rows: 12,
      met: true,
      allowed: 0,
      before: { levels: [0, 0], k: 1, classes: 12, held: 12, loss: 0 },
      best: { levels: [0, 2], k: 3, classes: 3, held: 0 },
      nodes: 15,
      looked: 7,
      columns: [
        { column: "country", level: 0, of: 2, becomes: "as it is", loss: 0, transform: { kind: "keep" } },
        { column: "at", level: 2, of: 4, becomes: "the quarter" },
      ],
    });
  });

  it("explains itself by a file that can be used", async () => {
    const { stdout } = await letheHere(["anonymity", "search", "--help"]);
    const [, example = ""] = /^(hierarchies:\n(?: .*\n)+)/m.exec(stdout) ?? [];
    await writeFile(join(project.directory, "education.csv"), "value;level1;level2\nBA;university;higher\n");
    await writeFile(join(project.directory, "example.yaml"), example);
    const { hierarchies } = await readHierarchies(join(project.directory, "example.yaml"));
    expect(hierarchies.map(({ column, most }) => [column, most])).toEqual([
      ["born_on", 4],
      ["income", 4],
      ["city", 3],
      ["education", 3],
      ["sex", 0],
    ]);
  });

  it("leaves nothing in the store", async () => {
    await asJson(events, "events");
    expect(await project.store.query("select relname from pg_class where relname like 'lethe\\_search%'")).toEqual([]);
  });

  it("says what has to be held back where no levels reach k, and ends with 1", async () => {
    const { code, stdout } = await search(bounded, "anonymity", "search", "events", "--k", "4", "--suppress", "20");
    expect(code).toBe(1);
    expect(stdout.split("\n").slice(2, 9)).toEqual([
      "No levels meet k 4 with 20 % of the rows held back.",
      "At the best there are, 6 rows (50.00 %) would have to be held back, and 2 may be:",
      "",
      "column   level   becomes              loss",
      "country  0 of 1  as it is           0.0000",
      "at       1 of 1  one value for all  1.0000",
      "",
    ]);
    expect(stdout).not.toContain("For the policy");
  });

  it("holds back as many rows as it may where that costs less", async () => {
    const { code, stdout } = await search(bounded, "anonymity", "search", "events", "--k", "4", "--suppress", "50");
    expect(code).toBe(0);
    expect(stdout).toContain("Least loss that meets k 4: 0.7500 of 1, and 6 rows (50.00 %) held back.");
  });

  it("reaches l and t too", async () => {
    const sensitive = ["--sensitive", "amount,plan", "--l", "2", "--t", "0.2"];
    const { document } = await asJson(events, "events", ...sensitive);
    expect(document.met).toBe(true);
    expect(Math.min(...document.best.l)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...document.best.t)).toBeLessThanOrEqual(0.2);
    const { stdout } = await search(events, "anonymity", "search", "events", ...sensitive);
    expect(stdout).toContain("that meets k 3, l 2 of amount, plan, t 0.2 of amount, plan:");
    expect(stdout).toMatch(/^t of plan +0\.5000 +0\.\d{4}$/m);
  });

  it("brings NULL, NaN, money, and what has no end up to the last level as any other value", async () => {
    const yaml = `hierarchies:
  f: { bands: [1, 2] }
  m: { bands: [1, 5], from: 0.5 }
  d: { time: [month, year] }
  s: { time: [hour, week] }
  empty: { levels: [{ a: b }] }
  one: { levels: [{ a: b }, { b: b }] }
`;
    const { code, document } = await asJson(yaml, "odd", "--k", "2");
    expect(document).toMatchObject({ met: true, rows: 5, best: { k: 5, held: 0 } });
    expect(code).toBe(0);
    expect(document.best.levels).toEqual([3, 3, 3, 3, 0, 3]);
    const held = await asJson(yaml, "odd", "--k", "2", "--suppress", "40");
    expect(held.document.best).toMatchObject({ held: 1, levels: [3, 3, 3, 3, 0, 0] });
  });

  it("takes a t of 1 for none, with which rows may be held back", async () => {
    const { document } = await asJson(events, "events", "--t", "1", "--suppress", "30", "--sensitive", "plan");
    expect(document).toMatchObject({ met: true, wanted: { suppress: 30 } });
    expect(document.wanted.t).toBeUndefined();
  });

  it("finds nothing to do in an empty table", async () => {
    const { code, stdout } = await search("hierarchies: { country: { levels: [] } }", "anonymity", "search", "nobody");
    expect(code).toBe(0);
    expect(stdout).toContain("The table is empty: nothing has to become coarser.");
  });

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
