import { afterAll, beforeAll, expect, test } from "vitest";
import { retentionPoints } from "#lib/fault.ts";
import { lethe } from "#test/support/cli.ts";
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
  invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep }, expired: erase }
`;

let project: Project;
beforeAll(async () => {
  const schema = `create table customers (id int primary key, email text);
    create table invoices (id int primary key, customer_id int references customers, issued_on date);
    create materialized view by_year as select extract(year from issued_on)::int as year, count(*)::int as n from invoices group by 1`;
  project = await createProject({ schema, policy });
});
afterAll(() => project.dispose());

test.each(retentionPoints.filter((point) => point.startsWith("after-expiry")))(
  "a night that is killed %s goes on where it was: every row goes once, and is on record once, and no view shows it any more",
  async (point) => {
    const { store, state, directory } = project;
    await store.query(
      "insert into invoices select n, null, case when n <= 40 then date '2010-01-01' else '2026-01-01' end from generate_series(1, 50) n on conflict do nothing",
    );
    await store.query("refresh materialized view by_year");
    const before = await state.query<{ rows: number }>("select coalesce(sum(rows), 0)::int as rows from lethe.expiry");
    const run = (start: typeof letheHere, env = {}) =>
      start(["run", "expire", "--now", "2026-11-02T02:00:00Z"], { cwd: directory, env });
    expect(await run(lethe, { LETHE_FAULT: point })).toMatchObject({ signal: "SIGKILL" });
    expect(await run(letheHere)).toMatchObject({ code: 0 });
    expect(await store.query("select count(*)::int as n from invoices")).toEqual([{ n: 10 }]);
    expect(await store.query("select * from by_year")).toEqual([{ year: 2026, n: 10 }]);
    const after = await state.query<{ rows: number }>("select coalesce(sum(rows), 0)::int as rows from lethe.expiry");
    expect((after[0]?.rows ?? 0) - (before[0]?.rows ?? 0)).toBe(40);
    expect(await store.query("select from lethe.journal_expiry")).toEqual([]);
  },
);
