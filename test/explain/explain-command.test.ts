import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { policyText } from "#test/execute/night.ts";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

let project: Project;
afterEach(() => project.dispose());

test("lethe policy explain names tables of other schemas, says with one clear error what is not there, and prints JSON", async () => {
  project = await createProject({
    schema: `create schema crm; create table customers (id int primary key, email text);
      create table crm.notes (id int primary key, customer_id int references customers on delete cascade, "the.body" text)`,
    policy: policyText({ tables: "customers: { treatment: erase }\ncrm.notes: { treatment: erase }" }),
  });
  const config = join(project.directory, "lethe.yaml");
  const written = readFileSync(config, "utf8").replace("    policy:", "    schemas: [public, crm]\n    policy:");
  writeFileSync(config, written, { mode: 0o600 });
  const run = (...args: string[]) => letheHere(["policy", "explain", ...args], { cwd: project.directory });
  const shown = await run("crm.notes.the.body");
  expect([shown.code, shown.stderr]).toEqual([0, ""]);
  expect(shown.stdout).toContain("crm.notes.the.body  (store shop; policy shop version 1)\n  erase  ");
  expect(shown.stdout).toContain("  becomes: gone\n  that is: goes with the row\n");
  expect(shown.stdout).toContain(
    "a row goes when the row of customers goes to which customer_id refers (ON DELETE CASCADE)",
  );
  const json = await run("customers", "--json");
  expect(JSON.parse(json.stdout)).toMatchObject([
    { store: "shop", table: "customers", column: null, rule: { treatment: "erase", place: { line: 10 } } },
  ]);
  for (const [name, message, hint] of [
    ["custmers", "no store has a table custmers", "did you mean `customers`?"],
    ["customers.emial", "table customers has no column emial", "did you mean `customers.email`?"],
    ["zzz", "no store has a table zzz", "name a table, or a column as table.column"],
  ] as const) {
    const failed = await run(name);
    expect([failed.code, failed.stdout, failed.stderr]).toEqual([2, "", `error USAGE: ${message}\n  hint: ${hint}\n`]);
  }
});
