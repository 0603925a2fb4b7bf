import { readFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository, startLethe, type Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";

let directory: string;
let ended: Ended;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-compare-"));
  ended = await letheHere(["demo", "--compare", "--customers", "60", "--json"], { cwd: directory });
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

type Fate = {
  readonly rows: number;
  readonly gone: number;
  readonly changed: number;
  readonly columns: readonly string[];
  readonly ended: number;
  readonly named: number;
};
type Compared = {
  readonly policy: string;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly blocked: number;
  readonly became: Readonly<Record<string, string>>;
  readonly read: Readonly<Record<string, Fate>>;
  readonly rows: number;
};
const compared = (): readonly Compared[] => JSON.parse(ended.stdout) as Compared[];
const became = (what: string): Record<string, string | undefined> =>
  Object.fromEntries(compared().map(({ policy, became: all }) => [policy, all[what]]));
const read = (policy: string, what: string): Fate | undefined =>
  compared().find((night) => night.policy === policy)?.read[what];

test("five policies do five things to the same company, and nobody's request fails", () => {
  expect(ended.code).toBe(0);
  expect(compared().map(({ outcomes }) => outcomes["failed"])).toEqual([0, 0, 0, 0, 0]);
  expect(became("profile")).toEqual({
    juicyway: "anonymised",
    flexprice: "anonymised",
    chargebee: "erased",
    polar: "anonymised",
    flexportal: "marked *",
  });
  expect(became("invoices")).toEqual({
    juicyway: "retained",
    flexprice: "retained",
    chargebee: "erased",
    polar: "retained *",
    flexportal: "kept whole *",
  });
  expect(became("subscriptions")["polar"]).toBe("cancelled");
});

test("each policy's requests end as its document says", () => {
  const ends = Object.fromEntries(
    compared().map(({ policy, outcomes }) => [policy, Object.keys(outcomes).filter((name) => outcomes[name] !== 0)]),
  );
  expect(ends).toEqual({
    juicyway: ["retained", "blocked"],
    flexprice: ["retained", "blocked"],
    chargebee: ["anonymised", "blocked"],
    polar: ["retained", "blocked"],
    flexportal: ["archived_with_pii", "blocked"],
  });
  // Blocked is one who was never a customer, at least.
  expect(compared().every(({ blocked }) => blocked > 0)).toBe(true);
});

test("the words are what the databases say: row by row, before and after", () => {
  const kept = { gone: 0, named: 0 };
  expect(read("juicyway", "profile")).toMatchObject({ ...kept, changed: read("juicyway", "profile")?.rows });
  expect(read("juicyway", "invoices")).toMatchObject({ ...kept, changed: read("juicyway", "invoices")?.rows });
  expect(read("juicyway", "transactions")).toMatchObject({ ...kept, changed: 0 });
  expect(read("chargebee", "invoices")).toMatchObject({ gone: read("chargebee", "invoices")?.rows });
  expect(read("polar", "invoices")).toMatchObject({ gone: 0, named: read("polar", "invoices")?.rows });
  expect(read("polar", "subscriptions")?.ended).toBeGreaterThan(0);
  expect(read("flexportal", "profile")).toMatchObject({
    gone: 0,
    columns: ["status"],
    named: read("flexportal", "profile")?.rows,
  });
  for (const { policy, read: all } of compared()) {
    for (const { rows } of Object.values(all).slice(0, 9)) expect([policy, rows]).not.toEqual([policy, 0]);
    expect(all["backups"]).toEqual({ purged: 16, kept: 29, youngest: 30 });
  }
});

test("only where a policy says that it leaves personal data is any left, and it is counted", () => {
  const left = Object.fromEntries(compared().map(({ policy, rows }) => [policy, rows > 0]));
  expect(left).toEqual({ juicyway: false, flexprice: false, chargebee: false, polar: true, flexportal: true });
  const named = Object.fromEntries(
    compared().map(({ policy, read: all }) => [policy, Object.values(all).some((fate) => fate.named > 0)]),
  );
  expect(named).toEqual(left);
});

test("the table in the README is the one that is printed", async () => {
  const readme = await readFile(join(repository, "README.md"), "utf8");
  const [{ became: all } = { became: {} }] = compared();
  expect(Object.keys(all).length).toBe(11);
  for (const what of Object.keys(all)) {
    const row = readme.split("\n").find((line) => line.startsWith(`${what} `)) ?? "";
    const cells = row.slice(what.length).trim().split(/ {2,}/);
    expect([what, ...cells]).toEqual([what, ...Object.values(became(what))]);
  }
});

test("a night under a policy with a time of grace says so, and tells its figures, remedies and tasks as one document", async () => {
  const night = await letheHere(["demo", "--policy", "chargebee", "--customers", "60", "--json"], { cwd: directory });
  expect(night.code).toBe(0);
  const told = JSON.parse(night.stdout) as Record<string, unknown> & {
    readonly outcomes: Readonly<Record<string, number>>;
    readonly figures: readonly { readonly figure: string; readonly before: string; readonly after: string }[];
    readonly remedies: readonly { readonly code: string; readonly rows: number }[];
    readonly tasks: { readonly open: number };
    readonly before: { readonly customers: number };
    readonly after: { readonly customers: number };
  };
  const carriedOut = told.outcomes["anonymised"] ?? 0;
  expect(carriedOut).toBeGreaterThan(10);
  expect(told).toMatchObject({
    policy: "chargebee",
    waited: { grace: "PT5M", scheduled: carriedOut },
    soft: null,
    left: [],
    outcomes: { scheduled: 0, failed: 0 },
  });
  expect(told.before.customers - told.after.customers).toBe(carriedOut);
  expect(told.figures.map(({ figure }) => figure)).toEqual([
    "Payments",
    "New Revenue",
    "Signups",
    "Activations",
    "Cancellations",
    "Refunds",
  ]);
  expect(told.figures[2]).toMatchObject({
    before: String(told.before.customers),
    after: String(told.after.customers),
    equal: false,
  });
  expect(told.remedies).toContainEqual(expect.objectContaining({ code: "INVOICE_PAID_BY_ANOTHER" }));
  expect(told.tasks.open).toBeGreaterThan(carriedOut);
  expect(told["stopped"]).toContainEqual({ code: "SUBJECT_NOT_FOUND", requests: 1 });
}, 60_000);

test("a night under the soft policy tries what the database refuses, and says so", async () => {
  const soft = await letheHere(["demo", "--policy", "flexportal", "--customers", "60"], { cwd: directory });
  expect(soft.code).toBe(0);
  const lines = soft.stdout.split("\n").map((line) => line.trim());
  expect(lines).toContain("orders takes no new row for a subject that is marked as deleted");
  expect(lines).toContain("One for a customer who is not marked was taken.");
  expect(lines.find((line) => line.includes("of them were in the view of active customers"))).toMatch(
    /^[1-9]\d* +of them were in the view of active customers, 0 are now$/,
  );
  expect(soft.stdout).toContain("1  of these, active again since: the request is open once more");
  expect(soft.stdout).toContain("people marked only: their personal data is still there");
  expect(soft.stdout).not.toMatch(/people (erased|forgotten)/);
  expect(lines).toContain("birth_date, company, email, external_id, first_name, full_name,");
  const screen = soft.stdout.split("\n").filter((line) => !line.includes(directory));
  expect(screen.filter((line) => line.length > 78)).toEqual([]);
}, 60_000);

test("a policy that does not ship is named with those that do", async () => {
  const unknown = await letheHere(["demo", "--policy", "paypal"], { cwd: directory });
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain("juicyway, flexprice, chargebee, polar, flexportal");
});

test("one policy and all five at once is a mistake", async () => {
  const both = await letheHere(["demo", "--compare", "--policy", "polar"], { cwd: directory });
  expect(both.code).toBe(2);
  expect(both.stderr).toContain("'--compare' cannot be used with option '--policy <name>'");
});

test("who stops the comparison stops all of it", async () => {
  const stopped = startLethe(["demo", "--compare", "--customers", "100"], { cwd: directory });
  while (!stopped.stderr().includes("Find subjects")) await sleep(50);
  stopped.kill("SIGINT");
  const { code, stdout, stderr } = await stopped.ended;
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("RUN_STOPPED");
  expect(stderr).not.toContain("flexprice\n");
}, 60_000);
