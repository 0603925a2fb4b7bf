import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const schema = `
  create table customer (id int primary key, email text, remarks text);
  insert into customer values (1, 'ann@example.com', 'prefers mail to Ann@Example.com.'), (2, 'bob@example.com', 'none')`;
const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customer, key: id, identifiers: { email: email } }
tables:
  customer: { treatment: anonymise, columns: { id: keep, email: { unique: 'erased-{random}@invalid' }, remarks: keep } }
`;

let project: Project;
beforeEach(async () => {
  project = await createProject({ schema, policy });
});
afterEach(() => project.dispose());

const run = (now: string, ...args: string[]): Promise<Ended> =>
  letheHere([...args, "--now", now], { cwd: project.directory, env: { LETHE_USER: "dpo" } });

test("an address in a column that the policy keeps fails the request, names the place and not the value, and ends with 5", async () => {
  const added = await run("2026-11-02T01:00:00Z", "request", "add", "--email", "ann@example.com", "--json");
  const { ref } = JSON.parse(added.stdout) as { ref: string };
  await run("2026-11-02T01:01:00Z", "request", "approve", ref);

  const night = await run("2026-11-02T02:00:00Z", "run", "--json");
  expect([night.code, JSON.parse(night.stdout)]).toMatchObject([5, { residuals: 1, requests: { failed: 1, done: 0 } }]);
  const shown = await run("2026-11-02T02:10:00Z", "request", "show", ref, "--json");
  expect(JSON.parse(shown.stdout)).toMatchObject({
    state: "failed",
    code: "RESIDUAL",
    detail: { store: "shop", table: "customer", column: "remarks", rows: 1 },
  });
  expect(`${night.stdout}${night.stderr}${shown.stdout}${shown.stderr}`).not.toMatch(/ann@/i);

  await project.store.query("update customer set remarks = null where id = 1");
  const next = await run("2026-11-03T02:00:00Z", "run", "--json");
  expect([next.code, JSON.parse(next.stdout)]).toMatchObject([0, { residuals: 0, requests: { failed: 0, done: 1 } }]);
  expect(await project.store.query("select remarks from customer where id = 2")).toEqual([{ remarks: "none" }]);
});
