import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";
import { lethe } from "#test/support/cli.ts";
import { createProject } from "#test/support/project.ts";

let night: Night | undefined;
afterEach(async () => {
  await night?.dispose();
  night = undefined;
});

const open = async (schema: string, tables: string, sections = ""): Promise<Night> => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text); ${schema}`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }\n${tables}`,
    sections,
    now: "2026-11-02T02:00:00Z",
  });
  return night;
};

const rest = ({ state }: Night) =>
  state.query("select table_name as table, due::int, without_clock::int as without from lethe.expiry_rest order by 1");

test("a row that waits for others of its own table goes in the same night, as soon as they are gone", async () => {
  const { nightly, store, state } = await open(
    `create table contracts (id int primary key, customer_id int references customers, renews int references contracts, ended_on date);
      insert into contracts values (1, null, null, '2011-01-01'), (2, null, 1, '2012-01-01'), (3, null, 2, '2013-01-01'),
        (4, null, null, '2014-01-01'), (5, null, 4, '2024-01-01')`,
    "contracts: { treatment: retain, class: voucher, clock: ended_on, columns: { customer_id: keep, renews: keep, ended_on: keep }, expired: erase }",
  );
  await nightly();
  expect(await store.query("select id from contracts order by id")).toEqual([{ id: 4 }, { id: 5 }]);
  expect(await state.query("select sum(rows)::int as rows from lethe.expiry")).toEqual([{ rows: 3 }]);
});

test("rows that lie in the same place of different partitions are told apart", async () => {
  const { nightly, store } = await open(
    `create table visits (id int not null, customer_id int references customers, seen_on date, ip text) partition by list (id);
      create table visits_1 partition of visits for values in (1);
      create table visits_2 partition of visits for values in (2);
      insert into visits values (1, null, '2020-01-01', 'old'), (2, null, '2026-11-01', 'new'), (1, null, '2026-11-01', 'new'), (2, null, '2020-01-01', 'old');
      create table logins (like visits) partition by list (id);
      create table logins_1 partition of logins for values in (1, 2);
      create table logins_3 partition of logins for values in (3, 4);
      insert into logins values (1, null, '2020-01-01', 'old'), (2, null, '2026-11-01', 'new'), (3, null, '2026-11-01', 'new'), (4, null, '2020-01-01', 'old')`,
    `visits: { treatment: erase, expires: { after: P1Y, clock: seen_on, why: security } }
logins: { treatment: keep, reason: nobody's, expires: { after: P1Y, clock: seen_on, why: security, then: { ip: { set: null } } } }`,
  );
  await nightly();
  expect(await store.query("select id, ip from visits order by id")).toEqual([
    { id: 1, ip: "new" },
    { id: 2, ip: "new" },
  ]);
  expect(await store.query("select id, ip from logins order by id")).toEqual([
    { id: 1, ip: null },
    { id: 2, ip: "new" },
    { id: 3, ip: "new" },
    { id: 4, ip: null },
  ]);
});

test("a part waits for a whole that only a link of the policy leads to, and goes where there is none", async () => {
  const opened = await open(
    `create table invoices (id int primary key, customer_id int references customers, number text, issued_on date);
      create table reminders (id int primary key, invoice text, sent_on date);
      insert into invoices values (1, null, 'A', '2012-01-01'), (2, null, 'B', '2024-01-01');
      insert into reminders values (1, 'A', '2012-03-01'), (2, 'B', '2012-03-01'), (3, 'C', '2012-03-01'), (4, null, '2012-03-01')`,
    `invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, number: keep, issued_on: keep }, expired: erase }
reminders: { treatment: retain, class: voucher, clock: sent_on, columns: { invoice: keep, sent_on: keep }, expired: erase }`,
    "links: [reminders.invoice -> invoices.number]",
  );
  await opened.nightly();
  expect(await opened.store.query("select id from reminders order by id")).toEqual([{ id: 2 }]);
  expect(await opened.store.query("select id from invoices order by id")).toEqual([{ id: 2 }]);
  expect(await rest(opened)).toContainEqual({ table: "reminders", due: 1, without: 0 });
});

test("more rows than one transaction takes go day by day, past what waits and what a trigger keeps, with little memory", async () => {
  const opened = await open(
    `do $$ begin execute format('alter database %I set work_mem = ''64kB''', current_database()); end $$;
      create table events (id int primary key, customer_id int references customers, seen_on date);
      create table notes (id int primary key, event_id int references events);
      create function keep() returns trigger language plpgsql as $$ begin return case when old.id % 1000 <> 0 then old end; end $$;
      create trigger keep before delete on events for each row execute function keep();
      insert into events select n, null, date '2020-01-01' + n / 40000 from generate_series(1, 120000) n;
      insert into events select n, null, '2026-11-01' from generate_series(120001, 120010) n;
      insert into notes values (1, 1), (2, 70001)`,
    `events: { treatment: erase, expires: { after: P1Y, clock: seen_on, why: security } }
notes: { treatment: erase }`,
  );
  await opened.nightly();
  expect(await opened.store.query("select count(*)::int as n from events")).toEqual([{ n: 10 + 120 + 2 }]);
  const chunks = await opened.state.query<{ rows: number; first: string; last: string }>(
    "select rows::int, clock_first as first, clock_last as last from lethe.expiry order by clock_first, clock_last",
  );
  expect(chunks.reduce((sum, { rows }) => sum + rows, 0)).toBe(120_000 - 122);
  expect(chunks.length).toBeGreaterThan(2);
  expect(await rest(opened)).toContainEqual({ table: "events", due: 122, without: 0 });
});

test("old rows are found and read back by indexes: no table is read as a whole", { timeout: 120_000 }, async () => {
  const project = await createProject({
    schema: `create table customers (id int primary key, email text);
      create table invoices (id int primary key, customer_id int references customers, issued_on date);
      create table invoice_lines (id int primary key, invoice_id int references invoices, billed_on date, article text);
      insert into invoices select n, null, date '2010-11-01' + n / 10 from generate_series(1, 40000) n;
      insert into invoice_lines select n, 1 + n / 2, date '2010-11-01' + n / 20, 'article' from generate_series(1, 79998) n;
      create index on invoices (issued_on); create index on invoice_lines (billed_on); create index on invoice_lines (invoice_id)`,
    policy: `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
classes: { voucher: { basis: HGB, period: P15Y, anchor: end-of-calendar-year } }
tables:
  customers: { treatment: anonymise, columns: { email: { set: null } } }
  invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep }, expired: erase }
  invoice_lines: { treatment: retain, class: voucher, clock: billed_on, columns: { invoice_id: keep, billed_on: keep, article: keep }, expired: erase }
`,
  });
  try {
    await project.store.query("vacuum analyze");
    const scans = (): Promise<unknown> =>
      project.store.query(
        "select relname as table, seq_scan::int as scans from pg_stat_user_tables where relname like 'invoice%' order by 1",
      );
    const before = await scans();
    const run = () => lethe(["run", "expire", "--now", "2026-11-02T02:00:00Z"], { cwd: project.directory });
    expect([await run(), await run()]).toMatchObject([{ code: 0 }, { code: 0 }]);
    expect(await scans()).toEqual(before);
    const [gone] = await project.state.query<{ rows: number }>("select sum(rows)::int as rows from lethe.expiry");
    expect(gone?.rows).toBeGreaterThan(1_800);
  } finally {
    await project.dispose();
  }
});
