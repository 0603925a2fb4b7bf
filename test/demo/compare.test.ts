import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, lethe, type Ended } from "#test/support/cli.ts";

let directory: string;
let ended: Ended;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-compare-"));
  ended = await lethe(["demo", "--compare", "--customers", "150", "--json"], { cwd: directory });
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

type Compared = {
  readonly policy: string;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly became: Readonly<Record<string, string>>;
  readonly rows: number;
};
const compared = (): readonly Compared[] => JSON.parse(ended.stdout) as Compared[];
const became = (what: string): Record<string, string | undefined> =>
  Object.fromEntries(compared().map(({ policy, became: all }) => [policy, all[what]]));

test("five policies do five things to the same company, and nobody's request fails", () => {
  expect(ended.code).toBe(0);
  expect(compared().map(({ outcomes }) => outcomes["failed"])).toEqual([0, 0, 0, 0, 0]);
  expect(became("profile")).toEqual({
    juicyway: "anonymised",
    flexprice: "anonymised",
    chargebee: "erased",
    polar: "anonymised",
    flexportal: "left whole *",
  });
  expect(became("invoices")).toEqual({
    juicyway: "retained",
    flexprice: "retained",
    chargebee: "erased",
    polar: "retained *",
    flexportal: "left whole *",
  });
});

test("only where a policy says that it leaves personal data is any left, and it is counted", () => {
  const left = Object.fromEntries(compared().map(({ policy, rows }) => [policy, rows > 0]));
  expect(left).toEqual({ juicyway: false, flexprice: false, chargebee: false, polar: true, flexportal: true });
  const outcomes = Object.fromEntries(
    compared().map(({ policy, outcomes: all }) => [policy, all["archived_with_pii"]]),
  );
  expect(outcomes).toMatchObject({ juicyway: 0, flexprice: 0, chargebee: 0, polar: 0 });
  expect(outcomes["flexportal"]).toBeGreaterThan(5);
});

test("the table in the README is the one that is printed", async () => {
  const readme = await readFile(join(repository, "README.md"), "utf8");
  for (const what of ["profile", "subscriptions", "invoices", "orders", "analytics"]) {
    const row = readme.split("\n").find((line) => line.startsWith(`${what} `)) ?? "";
    const cells = row.slice(what.length).trim().split(/ {2,}/);
    expect(cells).toEqual(compared().map(({ became: all }) => all[what]));
  }
});

test("a night under the soft policy tries what the database refuses, and says so", async () => {
  const soft = await lethe(["demo", "--policy", "flexportal", "--customers", "150"], { cwd: directory });
  expect(soft.code).toBe(0);
  expect(soft.stdout).toContain("orders takes no new row for a subject that is marked as deleted");
  expect(soft.stdout).toContain("is active again: the request is open once more");
}, 60_000);

test("a policy that does not ship is named with those that do", async () => {
  const unknown = await lethe(["demo", "--policy", "paypal"], { cwd: directory });
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain("juicyway, flexprice, chargebee, polar, flexportal");
});
