import { afterAll, beforeAll, expect, test } from "vitest";
import { lethe, type CliOptions } from "#test/support/cli.ts";
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
  addresses: { treatment: erase }
  invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, buyer: { set: null } } }
`;
const schema = `create table customers (id int primary key, email text);
  create table addresses (id int primary key, customer_id int references customers);
  create table invoices (id int primary key, customer_id int references customers, issued_on date, buyer text)`;

let project: Project;
beforeAll(async () => {
  project = await createProject({ schema, policy });
});
afterAll(() => project.dispose());

/** What reads or is killed is a process of its own. */
const run = (args: readonly string[], options: CliOptions = {}) =>
  (Object.keys(options).length === 0 ? letheHere : lethe)([...args, "--now", "2026-11-02T02:00:00Z"], {
    cwd: project.directory,
    ...options,
  });
const json = async (...args: string[]) =>
  JSON.parse((await run([...args, "--json"])).stdout) as Record<string, unknown>;

test("holds are placed, listed and released from the command line, and what is wrong with them is said", async () => {
  const place = ["hold", "rows", "--store", "shop", "--table", "invoices", "--matter", "AZ-1", "--by", "counsel"];
  expect(await run([...place, "--why", "because"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("litigation"),
  });
  const placed = await run([...place, "--why", "audit", "--from", "2026-01-01", "--until", "2027-01-31"]);
  expect(placed).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^H-\S+ of matter AZ-1 is in force and covers 0 rows now\n$/),
  });
  const email = await run(["hold", "person", "--matter", "AZ-2", "--why", "claim", "--stdin"], {
    input: "email=x@y.example\n",
  });
  expect(email).toMatchObject({ code: 1, stderr: expect.stringContaining("HOLD_SUBJECT_UNKNOWN") });
  expect((await run(["hold", "list"])).stdout).toMatch(
    /^hold\s+matter\s+why\s+what\s+since\s+until\s+waiting\nH-\S+\s+AZ-1\s+audit\s+shop\.invoices 2026-01-01\.\.\s+2026-11-02\s+2027-01-31\s+0\n$/,
  );
  const backups = ["hold", "backups", "--repository", "dumps", "--matter", "AZ-1", "--why", "audit"];
  expect(await run(backups)).toMatchObject({ code: 1, stderr: expect.stringContaining("HOLD_INVALID") });
  expect(await run(["hold", "release"])).toMatchObject({ code: 2 });
  expect(await run(["hold", "release", "--matter", "AZ-1"])).toMatchObject({ code: 0 });
  expect((await run(["hold", "list"])).stdout).toBe("no legal holds\n");
});

test.each([
  ["before-batch-commit", 1],
  ["after-batch-commit", 2],
  ["after-journal-collected", 3],
])("what goes while the rest is held goes once, killed %s", async (fault, id) => {
  const { store, state } = project;
  await store.query(
    `with c as (insert into customers values (${id}, 'c${id}@shop.example')), a as (insert into addresses values (${id}, ${id}))
     insert into invoices values (${id}, ${id}, '2026-02-01', 'C')`,
  );
  await run(["hold", "rows", "--store", "shop", "--table", "invoices", "--matter", `AZ-${id}`, "--why", "claim"]);
  const { ref } = (await json("request", "add", "--email", `c${id}@shop.example`)) as { ref: string };
  await run(["request", "approve", ref]);
  expect(await run(["run", "erase"], { env: { LETHE_FAULT: fault } })).toMatchObject({ signal: "SIGKILL" });
  expect(await run(["run", "erase"])).toMatchObject({ code: 0 });
  const left = await store.query(`select (select count(*)::int from addresses where id = ${id}) as addresses,
    (select email from customers where id = ${id}) as email, (select buyer from invoices where id = ${id}) as buyer`);
  expect(left).toEqual([{ addresses: 0, email: `c${id}@shop.example`, buyer: "C" }]);
  expect(await json("request", "show", ref)).toMatchObject({
    state: "blocked",
    code: "LEGAL_HOLD",
    detail: { matter: `AZ-${id}` },
    dispositions: [{ table: "addresses", treatment: "erase", rows: 1 }],
  });
  await run(["hold", "release", "--matter", `AZ-${id}`]);
  expect(await run(["run", "erase"])).toMatchObject({ code: 0 });
  expect(await store.query(`select buyer from invoices where id = ${id}`)).toEqual([{ buyer: null }]);
  const counted = await state.query(
    "select table_name, rows::int from lethe.disposition d join lethe.request r on r.id = d.request_id where ref = $1 order by 1",
    [ref],
  );
  expect(counted).toEqual([
    { table_name: "addresses", rows: 1 },
    { table_name: "customers", rows: 1 },
    { table_name: "invoices", rows: 1 },
  ]);
});
