import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { letheHere } from "#test/support/here.ts";
import { createProject, type Project } from "#test/support/project.ts";

const policy = `
policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
classes:
  voucher: { law: voucher }
tables:
  customers: { treatment: anonymise, columns: { email: { set: null } } }
  invoices:
    treatment: retain
    class: voucher
    clock: issued_on
    columns: { customer_id: keep, issued_on: keep, terms: { stays: the books } }
    expired: erase
  visits: { treatment: erase, expires: { after: P1Y, clock: seen_on, why: security } }
`;
const statement = "create index concurrently on invoices (issued_on);";

let project: Project;
beforeAll(async () => {
  project = await createProject({
    // Sixty-five megabytes, a page a row; and a table that is small.
    schema: `create table customers (id int primary key, email text);
      create table invoices (id int primary key, customer_id int references customers, issued_on date, terms text) with (fillfactor = 10);
      insert into invoices select n, null, '2026-01-01', repeat('x', 1500) from generate_series(1, 8400) n;
      create table visits (id int primary key, customer_id int references customers, seen_on date)`,
    policy,
  });
});
afterAll(() => project.dispose());

const run = async (...args: string[]): Promise<string> => {
  const { code, stdout } = await letheHere([...args, "--now", "2026-11-02T02:00:00Z"], { cwd: project.directory });
  expect(code).toBe(0);
  return stdout;
};

/** What the report says that a run's output names. */
const reportedBy = async (output: string): Promise<unknown> => {
  const directory = /Signed report: (.+)/.exec(output)?.[1] ?? "";
  const { expiry } = JSON.parse(await readFile(join(directory, "report.json"), "utf8")) as {
    expiry: { rest: unknown };
  };
  return expiry.rest;
};

test(
  "where no index finds old rows, the check, the explanation, the run and its report say which statement makes one, until it is run",
  { timeout: 120_000 },
  async () => {
    const none = { store: "shop", withoutClock: 0, waiting: 0, indexed: false, proposal: [] };
    expect(await run("policy", "check")).toContain(
      `  ! no index finds the old rows of invoices by issued_on: every night reads the whole table. To make one:\n    ${statement}\n`,
    );
    expect(JSON.parse(await run("policy", "check", "--json"))).toMatchObject([
      { findings: [], indexes: [{ table: "invoices", clock: "issued_on", indexed: false, proposal: [statement] }] },
    ]);
    expect(await run("policy", "explain", "invoices")).toContain(`; to make one:\n    ${statement}\n`);
    const before = await run("run", "expire");
    expect(before).toContain(
      `No index finds the old rows of invoices in shop: every night reads the whole table. To make one:\n  ${statement}\n`,
    );
    expect(await reportedBy(before)).toEqual([
      { ...none, table: "invoices", proposal: [statement] },
      { ...none, table: "visits" },
    ]);
    await project.store.query(statement);
    expect(await run("policy", "check")).not.toContain("index");
    expect(await run("policy", "explain", "invoices")).not.toContain("index");
    const after = await run("run", "expire");
    expect(after).not.toContain("index");
    expect(await reportedBy(after)).toEqual([
      { ...none, table: "invoices", indexed: true },
      { ...none, table: "visits" },
    ]);
  },
);
