import { afterAll, beforeAll, expect, test } from "vitest";
import { lethe } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

let project: Project;
beforeAll(async () => {
  project = await createProject({
    schema: "create table customer (id int primary key, email text)",
    policy: `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customer, key: id, identifiers: { email: email } }
tables:
  customer: { treatment: anonymise, columns: { id: keep, email: { set: null } } }
`,
  });
});
afterAll(() => project.dispose());

// What other tests conclude from commands in their own process has to hold for `lethe` itself.
test.each([
  [["--help"]],
  [["run", "--config", "nowhere.yaml"]],
  [["run", "--config", "nowhere.yaml", "--json"]],
  [["requst"]],
  [["request", "show", "R-0", "--json"]],
  [["request", "list", "--now", "2026-11-02T02:00:00Z"]],
  [["policy", "check", "--json"]],
])("%j prints the same and ends the same in the process of a test as in one of its own", async (args) => {
  const options = { cwd: project.directory, env: { LETHE_USER: "dpo" } };
  const before = surroundings();
  const here = await letheHere(args, options);
  expect(here).toEqual(await lethe(args, options));
  expect(here.stdout + here.stderr).not.toBe("");
  expect(surroundings()).toEqual(before);
});

const surroundings = (): readonly unknown[] => [
  Object.hasOwn(process.stdout, "write"),
  Object.hasOwn(process.stderr, "write"),
  process.cwd(),
  process.env["LETHE_USER"],
  process.listenerCount("SIGTERM") + process.listenerCount("SIGINT"),
];
