import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { closePool, openPool } from "#db/pool.ts";
import { checkPolicies } from "#policy-check.ts";
import { policyText } from "#test/execute/night.ts";
import { letheHere } from "#test/support/here.ts";
import { testContext, type TestContext } from "#test/support/context.ts";
import { createProject, type Project } from "#test/support/project.ts";

const schema = `create sequence numbers;
  create function next_number() returns int language plpgsql as $$ begin return nextval('numbers'); end $$;
  create table customers (id serial primary key, email text, n int default next_number(), big bigint generated always as identity);
  create table log (what text);
  create function remember() returns trigger language plpgsql as $$ begin insert into log values (tg_op); return null; end $$;
  create trigger remember after insert or update or delete on customers for each row execute function remember();
  create table orders (id int primary key, customer_id int references customers on delete cascade, status text);
  insert into customers (email) values ('cleo@shop.example'); insert into orders values (7, 1, 'open')`;
const policy = policyText({
  tables: `customers: { treatment: erase }\norders: { treatment: erase }\nlog: { treatment: keep, reason: names nobody }`,
  blockers: "- { code: OPEN, when: { table: orders, status: open }, then: { remove: rows } }",
  sections: `examples:
  - example: Ann leaves
    given: { customers: [{ email: ann@shop.example }, { email: bob@shop.example }], orders: [{ id: 7, customer_id: -1, status: sent }] }
    then: { customers: [erased, kept], orders: erased }`,
});

let opened: TestContext | undefined;
let project: Project | undefined;
afterEach(async () => {
  await opened?.dispose();
  await project?.dispose();
  [opened, project] = [undefined, undefined];
});

test("examples run with no privilege to write, count no sequence on, and leave nothing behind", async () => {
  opened = await testContext({ schema, policy });
  const { context, store: database } = opened;
  const role = `reader_${database.name}`;
  await database.query(`create role ${role} login password 'x'`);
  await database.query(`grant select, maintain on all tables in schema public to ${role}`);
  await database.query(`revoke temporary on database ${database.name} from public`);
  await database.query(`grant temporary on database ${database.name} to ${role}`);
  const state = () =>
    database.query(`select (select count(*) from pg_class) as relations, (select count(*) from pg_namespace) as schemas,
      (select string_agg(concat(sequencename, last_value), ',' order by 1) from pg_sequences) as counted,
      (select json_agg(c) from customers c)::text as customers, (select json_agg(o) from orders o)::text as orders,
      (select count(*) from log) as logged, (select max(xmin::text::int8) from customers) as written`);
  const before = await state();
  const url = new URL(database.url);
  [url.username, url.password] = [role, "x"];
  const pool = openPool({ url: url.href, applicationName: "lethe test", label: "shop" });
  try {
    const [store] = context.stores;
    if (store === undefined) throw new Error("no store");
    const [check] = await checkPolicies({ ...context, stores: [{ ...store, pool }] });
    expect([check?.findings, check?.examples]).toEqual([[], { run: 1, held: 1 }]);
  } finally {
    await closePool(pool);
  }
  // A new schema for temporary tables is PostgreSQL's own, and is used again.
  const [after] = await state();
  expect({ ...after, schemas: 0 }).toEqual({ ...before[0], schemas: 0 });
  await database.query(`drop owned by ${role}`);
  await database.query(`drop role ${role}`);
});

test("`lethe policy check` says how many examples hold, and exits with 3 when one does not", async () => {
  project = await createProject({ schema, policy });
  const held = await letheHere(["policy", "check"], { cwd: project.directory });
  expect([held.code, held.stderr]).toEqual([0, ""]);
  expect(held.stdout).toContain("✓ 1 of 1 examples hold");
  await writeFile(join(project.directory, "policy.yaml"), policy.replace("[erased, kept]", "[erased, erased]"));
  const broken = await letheHere(["policy", "check"], { cwd: project.directory });
  expect(broken.code).toBe(3);
  expect(broken.stdout).toMatch(
    /✗ .*policy\.yaml:\d+:\d+ {2}POLICY_EXAMPLE\n.*row 2 of customers: expected erased, was kept\n {4}→ /,
  );
  const json = await letheHere(["policy", "check", "--json"], { cwd: project.directory });
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toMatchObject([
    { store: "shop", examples: { run: 1, held: 0 }, findings: [{ code: "POLICY_EXAMPLE", place: { line: 9 } }] },
  ]);
});
