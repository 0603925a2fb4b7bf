import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { restorePoints, type FaultPoint } from "#lib/fault.ts";
import { dropCopy, restoreCopy, restoreState, takeCopy, takeState } from "#test/restore/copies.ts";
import { lethe, type Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const schema = `create table customers (id int primary key, email text);
  create table orders (id int primary key, customer_id int references customers, status text);
  insert into customers values (1, 'ada.canary@example.org'), (2, 'ben@example.org'), (3, 'cy.canary@example.org');
  insert into orders values (1, 1, 'paid'), (3, 3, 'paid')`;
const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
tables:
  customers: { treatment: erase }
  orders: { treatment: erase }
blockers:
  - { code: ORDER_OPEN, when: { table: orders, status: open }, then: block }
`;

let project: Project;
const run = (
  args: readonly string[],
  { now = "2026-11-03T02:00:00Z", fault }: { now?: string; fault?: FaultPoint } = {},
): Promise<Ended> =>
  fault === undefined
    ? letheHere([...args, "--now", now], { cwd: project.directory })
    : lethe([...args, "--now", now], { cwd: project.directory, env: { LETHE_FAULT: fault } });
const replay = ["backups", "replay", "--store", "shop", "--as-of", "2026-11-02T00:00:00Z"];
const guard = ["backups", "guard"];
const emails = async () =>
  (await project.store.query("select email from customers order by id")).map(({ email }) => email);
const everybody = ["ada.canary@example.org", "ben@example.org", "cy.canary@example.org"];
const entries = async (kind: string) =>
  (await project.state.query("select from lethe.ledger_entry where kind = $1", [kind])).length;

beforeAll(async () => {
  project = await createProject({
    schema,
    policy,
    sections: { backups: { nightly: { kind: "directory", store: "shop", path: "backups", keep_days: 30 } } },
  });
  await mkdir(join(project.directory, "backups"));
  await takeCopy(project.store);
  const today = "2026-11-02T02:00:00Z";
  for (const email of ["ada.canary@example.org", "cy.canary@example.org"]) {
    expect(await run(["request", "add", "--email", email], { now: today })).toMatchObject({ code: 0 });
  }
  expect(await run(["request", "approve", "--all", "--by", "dpo"], { now: today })).toMatchObject({ code: 0 });
  expect(await run(["run"], { now: today })).toMatchObject({ code: 0 });
  expect(await emails()).toEqual(["ben@example.org"]);
  await Promise.all([takeCopy(project.store, "live"), takeState(project, "live")]);
});
afterAll(async () => {
  await Promise.all([dropCopy(project.store), dropCopy(project.store, "live"), dropCopy(project.state, "live")]);
  await project.dispose();
});
// Each test begins on the morning after that night.
beforeEach(() => Promise.all([restoreCopy(project.store, "live"), restoreState(project, "live")]));

test("guard lets a start script refuse to serve, from the restore until the replay has released the store", async () => {
  expect(await run(guard)).toMatchObject({ code: 0, stdout: expect.stringMatching(/shop +may serve/) });
  await restoreCopy(project.store);
  expect(await emails()).toEqual(everybody);
  expect(await run(guard)).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/shop +restored: run lethe backups replay/),
  });
  expect(await run(["run"])).toMatchObject({ code: 1, stderr: expect.stringContaining("STORE_RESTORED") });

  await project.store.query("update orders set status = 'open' where id = 3");
  const blocked = await run([...replay, "--json"]);
  expect(blocked).toMatchObject({ code: 5 });
  expect(JSON.parse(blocked.stdout)).toMatchObject({
    released: false,
    requests: { blocked: 1 },
    restore: { store: "shop", standing: "repeating", open: 1, waiting: 1 },
  });
  expect(await run(guard)).toMatchObject({ code: 1, stdout: expect.stringContaining("not released yet") });

  await project.store.query("update orders set status = 'paid' where id = 3");
  const released = await run(replay);
  expect(released).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Released: everybody who was erased is erased again"),
  });
  expect(await emails()).toEqual(["ben@example.org"]);
  expect(await run(guard)).toMatchObject({ code: 0 });
  const said = JSON.stringify([blocked, released]);
  expect(said).not.toContain("canary");

  const bundle = /Signed report: (.+)/.exec(released.stdout)?.[1] ?? "";
  expect(await letheHere(["verify", bundle, "--key", project.keys.public], { cwd: project.directory })).toMatchObject({
    code: 0,
  });
});

test("what the command is given is looked at before anything is done", async () => {
  expect(await run(replay)).toMatchObject({ code: 1, stderr: expect.stringContaining("STORE_NOT_RESTORED") });
  const runs = await project.state.query("select from lethe.run");
  expect(await run(["backups", "replay", "--store", "shop", "--as-of", "yesterday"])).toMatchObject({ code: 2 });
  expect(await run(["backups", "replay", "--store", "crm", "--as-of", "2026-11-02T00:00:00Z"])).toMatchObject({
    code: 2,
  });
  expect(await run(["backups", "guard", "--store", "crm"])).toMatchObject({ code: 2 });
  expect(await project.state.query("select from lethe.run")).toHaveLength(runs.length);
});

describe("a replay that is killed", () => {
  const points: readonly FaultPoint[] = [
    ...restorePoints,
    "after-plan-frozen",
    "after-batch-commit",
    "before-verified-recorded",
    "after-verified-recorded",
  ];
  test.each(points)("%s goes on where it was, and repeats nobody twice", async (fault) => {
    await restoreCopy(project.store);
    expect(await run(replay, { fault })).toMatchObject({ signal: "SIGKILL" });
    expect(await run(guard)).toMatchObject({ code: 1 });
    expect(await run(replay)).toMatchObject({ code: 0 });
    expect(await run(guard)).toMatchObject({ code: 0 });
    expect(await emails()).toEqual(["ben@example.org"]);
    expect([
      await entries("request.repeats"),
      await entries("store.restored"),
      await entries("store.released"),
    ]).toEqual([2, 1, 1]);
    expect(await project.state.query("select state, count(*) as n from lethe.request group by 1")).toEqual([
      { state: "erased", n: 4 },
    ]);
  });
});
