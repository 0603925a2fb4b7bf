import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DueFound } from "#anonymity/search/due/search-due.ts";
import { hierarchies, schema, tables } from "#test/anonymity/search/due/company.ts";
import { policyText } from "#test/execute/night.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

let project: Project;
beforeAll(async () => {
  project = await createProject({ schema, policy: policyText({ tables: tables("late: erase") }) });
  await writeFile(join(project.directory, "h.yaml"), hierarchies);
});
afterAll(() => project.dispose());

const lethe = (...args: string[]) => letheHere(["--now", "2026-11-02T02:00:00Z", ...args], { cwd: project.directory });
const search = (...args: string[]) =>
  lethe("anonymity", "search", "visits", "--hierarchies", "h.yaml", "--due", ...args);
const asJson = async (...args: string[]) => {
  const { code, stdout } = await lethe(
    "--json",
    "anonymity",
    "search",
    "visits",
    "--hierarchies",
    "h.yaml",
    "--due",
    ...args,
  );
  return { code, document: JSON.parse(stdout) as DueFound & { readonly error: Record<string, unknown> } };
};
const ask = async (...people: number[]): Promise<void> => {
  for (const n of people)
    expect(await lethe("request", "add", "--email", `p${n}@shop.example`)).toMatchObject({ code: 0 });
  expect(await lethe("request", "approve", "--all")).toMatchObject({ code: 0 });
};
const states = () => project.state.query("select state, code from lethe.request order by id");

describe("lethe anonymity search --due", () => {
  it("has nothing to do where nobody is due", async () => {
    const { code, stdout } = await search();
    expect(code).toBe(0);
    expect(stdout).toBe(
      "visits in shop: 0 rows of 0 people due, by 0 of 0 requests; 10 rows stay as they are, 2 of nobody who is known\n\nNo rows are due: nothing has to become coarser.\n",
    );
  });

  it("says at which levels everybody could go, what the policy does now, and what to write into it", async () => {
    await ask(1, 2);
    const { code, stdout } = await search();
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        "visits in shop: 3 rows of 2 people due, by 2 of 2 requests; 7 rows stay as they are, 2 of nobody who is known",
        "",
        "Least loss with which everybody who is due meets k 3: 0.2031 of 1.",
        "",
        "column  level   becomes                  loss",
        "city    1 of 2  2 groups: north, west  0.3333",
        "at      1 of 4  the month              0.0728",
        "",
        "measure                     policy now  these levels",
        "k                                    1             4",
        "people held by k                     2             0",
        "people who wait                      2             0",
        "published classes weakened           0             0",
        "loss                            0.0000        0.2031",
        "",
        "Looked at 3 of 15 combinations of levels, and at 3 parts of such; no other can meet it and lose less.",
        "",
        "For the policy:",
        "",
        "columns:",
        "  city: { generalise: { otherwise: null, map: {",
        "      Sylt: north, Kiel: north, Bonn: west, 'Köln': west,",
        "    } } }",
        "  at: { truncate: month }",
        "",
      ].join("\n"),
    );
  });

  it("says what becomes of the rows where no levels are enough, and ends with 1", async () => {
    const { code, stdout } = await search("--k", "9");
    expect(code).toBe(1);
    expect(stdout).toContain(
      "No levels meet k 9 for everybody who is due.\nAt the best there are, 2 people of 2 would have to wait:",
    );
    expect(stdout).not.toContain("For the policy");
    expect(stdout.trimEnd().split("\n").slice(-3)).toEqual([
      "Until more come, 2 people wait for 8 more by the policy as it is; at these levels 2 people wait for 8 more.",
      "The first of their last nights is that of 2026-12-01: in it their rows there go (late: erase).",
      "Counted in another table (`aggregate`) they would wait as well: fewer than 9 people are due.",
    ]);
  });

  it("says nothing of people, of their rows, or of those that stay", async () => {
    const { document } = await asJson("--sensitive", "plan", "--l", "2", "--t", "0.4");
    expect(document).toMatchObject({ people: 2, rows: 3, staying: 7, published: 2, requests: { due: 2, go: 2 } });
    const said = JSON.stringify({ ...document, columns: [] }) + (await search()).stdout;
    expect(said).not.toMatch(/shop\.example|Atlantis|pro|free|2026-0|[0-9a-f]{8}-/);
  });

  it("is what the night finds: who would wait waits, and with the lines in the policy everybody goes", async () => {
    await ask(4);
    const { document } = await asJson();
    expect(document).toMatchObject({ met: true, people: 3, now: { waits: 2, held: { people: 2 } } });
    await lethe("run", "nightly");
    const waits = { state: "failed", code: "ANONYMITY_BELOW" };
    expect(await states()).toMatchObject([waits, waits, { state: "completed" }]);
    // They wait for company, and are due as before.
    const { stdout } = await search();
    expect(stdout).toContain("3 rows of 2 people due, by 2 of 2 requests");
    const [, lines = ""] = stdout.split("columns:\n");
    const policy = await readFile(join(project.directory, "policy.yaml"), "utf8");
    const changed = policy.replace("city: keep, at: keep, ", "").replace(
      /^ {4}columns: \{ (.*) \}$/m,
      (_, rest: string) =>
        `    columns:\n${rest
          .split(", ")
          .map((line) => `      ${line}\n`)
          .join("")}${lines.replaceAll(/^/gm, "    ")}`,
    );
    await writeFile(join(project.directory, "policy.yaml"), changed);
    await lethe("run", "nightly");
    await lethe("request", "approve", "--all");
    await lethe("run", "nightly");
    expect(await states()).toMatchObject(Array.from({ length: 3 }, () => ({ state: "completed", code: null })));
  });

  it("leaves nothing in the store", async () => {
    await expect
      .poll(() => project.store.query("select relname from pg_class where relname like 'lethe\\_search%'"), {
        timeout: 20_000,
      })
      .toEqual([]);
  });
});
