import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readHierarchies } from "#anonymity/search/read-hierarchies.ts";
import { events, policy, schema, searchIn } from "#test/anonymity/search/shop.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

let project: Project;
beforeAll(async () => {
  project = await createProject({ schema, policy });
});
afterAll(() => project.dispose());

const { search, asJson } = searchIn(() => project);

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
        "  at: { truncate: quarter }",
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
    // Temporary tables go with their session, which ends a moment after the command.
    await expect
      .poll(() => project.store.query("select relname from pg_class where relname like 'lethe\\_search%'"), {
        timeout: 20_000,
      })
      .toEqual([]);
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
});
