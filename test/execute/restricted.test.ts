import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { grantsOfStores } from "#policy-grants.ts";
import { openPool, closePool } from "#db/pool.ts";
import { showRequest } from "#intake/show.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

const schema = `create table customers (id int primary key, email text);
  create table invoices (id int primary key, customer_id int references customers, issued_on date, total numeric, tenant text not null default 'a');
  create view totals as select tenant, total from invoices;
  insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
  insert into invoices values (1, 1, '2026-01-01', 10), (2, 2, '2026-01-01', 20), (3, 1, '2010-01-01', 30)`;
const tables = (role: string): string => `customers: { treatment: anonymise, columns: { email: { set: null } } }
invoices:
  treatment: retain
  class: voucher
  clock: issued_on
  readable_by: [${role}]
  columns: { customer_id: keep, issued_on: keep, total: keep, tenant: keep }
  expired: { total: { set: 0 } }`;

let night: Night;
let roles: { readonly accounting: string; readonly app: string; readonly owner: string };
beforeEach(() => {
  const name = `r${process.pid}_${Math.trunc(performance.now())}`;
  roles = { accounting: `${name}_accounting`, app: `${name}_app`, owner: `${name}_owner` };
});
afterEach(async () => {
  for (const role of Object.values(roles)) await night.store.query(`drop owned by ${role} cascade; drop role ${role}`);
  await night.dispose();
});

const open = async (options: Partial<NightOptions> = {}): Promise<void> => {
  night = await openNight({ schema, tables: tables(roles.accounting), now: "2026-11-02T02:00:00Z", ...options });
  for (const role of Object.values(roles)) await night.store.query(`create role ${role} login password 'secret'`);
  await night.store
    .query(`grant usage on schema public to public; grant select, update, delete on invoices, totals to public;
    alter table invoices owner to ${roles.owner}; alter view totals owner to ${roles.owner}`);
};
/** What a role sees of the invoices, in a session of its own. */
const as = async (role: string, query = "select id from invoices order by id"): Promise<readonly unknown[]> => {
  const url = new URL(night.store.url);
  [url.username, url.password] = [role, "secret"];
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(query);
    return rows.flatMap((row) => Object.values(row));
  } finally {
    await client.end();
  }
};

describe("retained rows of erased subjects", () => {
  test("are there only for the roles that the policy names: not for the application, the table's owner, or through a view", async () => {
    await open();
    await night.ask({ email: "ann@shop.example" });
    expect(await as(roles.app)).toEqual([1, 2, 3]);
    await night.erase();
    expect(await as(roles.accounting)).toEqual([1, 2, 3]);
    expect(await as(roles.app)).toEqual([2]);
    expect(await as(roles.owner)).toEqual([2]);
    expect(await as(roles.app, "select total::int from totals")).toEqual([20]);
    expect(await as(roles.app, "update invoices set total = 0 where id in (1, 2) returning id")).toEqual([2]);
    // New rows and other people's are as they were.
    await night.store.query("insert into invoices values (4, 2, '2026-11-01', 40)");
    expect(await as(roles.app)).toEqual([2, 4]);
  });

  test("are told as restricted, and the night is the same when the restriction stands already", async () => {
    await open();
    const [ann = ""] = await night.ask({ email: "ann@shop.example" });
    await night.nightly();
    await night.nightly();
    expect(await night.requests(ann)).toMatchObject([{ state: "completed" }]);
    // The invoice of 2010 is older than its period, and restricted no more.
    expect(await night.store.query("select relation::text, key from lethe.restricted")).toEqual([
      { relation: "invoices", key: "1" },
    ]);
    const { dispositions } = await showRequest(night.context, ann);
    expect(dispositions.map(({ table, restricted }) => [table, restricted])).toEqual([
      ["customers", false],
      ["invoices", true],
    ]);
  });

  test("are there again for everybody once their period is over, whether or not anything was left to take away", async () => {
    await open();
    const [ann = ""] = await night.ask({ email: "ann@shop.example" });
    await night.erase();
    await night.store.query("update invoices set issued_on = '2011-01-01', total = 0 where id = 1");
    await night.nightly();
    // Both of Ann's invoices are older than eight years by now: of one the amount went, of the other it had gone before.
    expect(await night.store.query("select total::int as total from invoices order by id")).toEqual([
      { total: 0 },
      { total: 20 },
      { total: 0 },
    ]);
    expect([await as(roles.app), await night.store.query("select from lethe.restricted")]).toEqual([[1, 2, 3], []]);
    expect(await night.requests(ann)).toMatchObject([{ state: "completed" }]);
  });

  test("are as they were to an application that has row-level policies of its own, but for them", async () => {
    await open();
    await night.store
      .query(`alter table invoices enable row level security; update invoices set tenant = 'b' where id = 2;
      create policy tenants on invoices using (tenant = 'a')`);
    await night.ask({ email: "ann@shop.example" });
    await night.store.query("insert into invoices values (4, 2, '2026-11-01', 40)");
    await night.erase();
    expect([await as(roles.app), await as(roles.accounting)]).toEqual([[4], [1, 3, 4]]);
  });

  test("leave default-deny tables denied, and owners who passed row-level security at all other rows", async () => {
    await open();
    await night.store.query("alter table invoices enable row level security");
    await night.ask({ email: "ann@shop.example" });
    expect([await as(roles.app), await as(roles.owner)]).toEqual([[], [1, 2, 3]]);
    await night.erase();
    expect([await as(roles.app), await as(roles.owner), await as(roles.accounting)]).toEqual([[], [2], []]);
    expect(await as(roles.owner, "insert into invoices values (9, 2, '2026-11-01', 1, 'b') returning id")).toEqual([9]);
  });

  test("stay hidden under another name of the table, and when somebody has weakened the policy; and are there again without the rule", async () => {
    await open();
    await night.ask({ email: "ann@shop.example" });
    await night.erase();
    await night.store.query("alter policy lethe_restricted on invoices using (true)");
    expect(await as(roles.app)).toEqual([1, 2, 3]);
    await night.erase();
    expect(await as(roles.app)).toEqual([2]);
    // Accounting deletes one, and the application gives its key to somebody else.
    await night.store.query("delete from invoices where id = 1");
    await night.store.query("insert into invoices values (1, 2, '2026-11-01', 5)");
    expect(await as(roles.app)).toEqual([2]);
    await night.store.query("delete from invoices where id = 1");
    await night.erase();
    await night.store.query("insert into invoices values (1, 2, '2026-11-01', 5)");
    expect(await as(roles.app)).toEqual([1, 2]);
    // Which rows are restricted is told to nobody.
    await expect(as(roles.app, "select key from lethe.restricted")).rejects.toThrow("permission denied");
    const [store] = night.context.stores;
    if (store === undefined) throw new TypeError("no store");
    const rule = store.policy.tables["invoices"];
    const open_ = {
      ...store.policy,
      tables: { ...store.policy.tables, invoices: { ...rule, readableBy: undefined } as never },
    };
    await night.erase({ ...night.context, stores: [{ ...store, policy: open_ }] });
    expect(await as(roles.app)).toEqual([1, 2, 3]);
  });

  test("of a partitioned table are not there by the partition's name either", async () => {
    await open({
      schema: `create table customers (id int primary key, email text);
        create table invoices (id int, customer_id int references customers, issued_on date, total numeric, tenant text, primary key (id, tenant)) partition by list (tenant);
        create table invoices_a partition of invoices for values in ('a');
        create view totals as select tenant, total from invoices;
        insert into customers values (1, 'ann@shop.example'), (2, 'bob@shop.example');
        insert into invoices values (1, 1, '2026-01-01', 10, 'a'), (2, 2, '2026-01-01', 20, 'a')`,
    });
    await night.store.query("grant select on invoices_a to public");
    await night.ask({ email: "ann@shop.example" });
    await night.erase();
    expect([await as(roles.app), await as(roles.app, "select id from invoices_a")]).toEqual([[2], [2]]);
  });
});

describe("what cannot be restricted stops the store before anything changes", () => {
  const refused = async (message: RegExp): Promise<void> => {
    await expect(night.erase()).rejects.toMatchObject({
      code: "RESTRICTION_MISSING",
      message: expect.stringMatching(message),
    });
    expect(await night.store.query("select email from customers where id = 1")).toEqual([
      { email: "ann@shop.example" },
    ]);
  };

  test("where the application has policies that are switched off", async () => {
    await open();
    await night.store.query("create policy tenants on invoices using (tenant = 'a')");
    await night.ask({ email: "ann@shop.example" });
    await refused(/switched off/);
  });

  test("where a view would show them to whoever may read it", async () => {
    await open();
    await night.store.query("create view everything as select id from invoices");
    await night.ask({ email: "ann@shop.example" });
    await refused(/everything would show them/);
    await night.store.query("alter view everything set (security_invoker = true)");
    await night.erase();
    expect(await as(roles.app)).toEqual([2]);
  });

  test("where our role is not the owner, or would be restricted itself; with what `lethe policy grants` prints it goes on", async () => {
    await open();
    const role = `${roles.app}_eraser`;
    const [printed] = await grantsOfStores(night.context, role);
    await night.store.query(`create role ${role} login password 'secret'`);
    const own = /^(alter role|create policy|drop policy|alter table "|do)/;
    for (const grant of (printed?.grants ?? []).filter((each) => !own.test(each))) await night.store.query(grant);
    const url = new URL(night.store.url);
    [url.username, url.password] = [role, "secret"];
    const pool = openPool({ url: url.href, applicationName: "lethe", label: "shop" });
    const stores = night.context.stores.map((store) => ({ ...store, pool }));
    const { erase } = night;
    night = { ...night, erase: () => erase({ ...night.context, stores }) };
    try {
      await night.ask({ email: "ann@shop.example" });
      await refused(/would not see the rows itself/);
      await night.store.query(`alter role ${role} bypassrls`);
      await refused(/only its owner/);
      for (const grant of printed?.grants ?? []) await night.store.query(grant);
      await night.erase();
      expect([await as(roles.app), await as(roles.accounting)]).toEqual([[2], [1, 2, 3]]);
    } finally {
      await closePool(pool);
      await night.store.query(`drop owned by ${role} cascade; drop role ${role}`);
    }
  });

  test.each([
    ["no primary key", "drop constraint invoices_pkey"],
    ["invoices.id is timestamp", "alter column id type timestamptz using now() + id * interval '1 day'"],
  ])("where nobody could tell which rows are restricted: %s", async (message, change) => {
    await open({
      tables: tables(roles.accounting).replace("columns: { customer_id", "columns: { id: keep, customer_id"),
    });
    await night.store.query(`drop view totals; alter table invoices ${change}`);
    await expect(night.ask({ email: "ann@shop.example" })).rejects.toMatchObject({
      code: "POLICY_CONTRADICTION",
      message: expect.stringContaining(message),
    });
  });
});
