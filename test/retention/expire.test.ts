import { afterEach, describe, expect, test } from "vitest";
import { holdRequest } from "#holds/request.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text);
  create table invoices (id int primary key, customer_id int references customers, issued_on date, total numeric);
  create table invoice_lines (id int primary key, invoice_id int not null references invoices, billed_on date, amount numeric);
  create table sessions (id int primary key, customer_id int references customers, seen_at timestamptz, ip text);
  create table tickets (id int primary key, customer_id int references customers, opened_on date, body text, channel text);
  insert into customers values (1, 'ada@example.org'), (2, 'ben@example.org');
  insert into invoices values (1, 1, '2015-03-04', 10), (2, 2, '2017-12-31', 20), (3, 2, '2018-01-01', 30), (4, 1, null, 40), (5, 1, '2016-06-01', 50);
  insert into invoice_lines values (1, 1, '2015-03-04', 10), (2, 3, '2017-12-31', 30), (5, 5, '2019-06-01', 50);
  insert into sessions values (1, 1, '2026-08-03T21:59:59Z', '192.0.2.1'), (2, 1, '2026-08-03T22:00:00Z', '192.0.2.2'), (3, 2, '2026-10-01T00:00:00Z', '192.0.2.3');
  insert into tickets values (1, 1, '2024-05-01', 'help', 'web'), (2, 2, '2026-05-01', 'help', 'web')`;
const tables = `customers: { treatment: anonymise, columns: { email: { set: null } } }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, total: keep }, expired: erase }
invoice_lines: { treatment: retain, class: voucher, clock: billed_on, columns: { invoice_id: keep, billed_on: keep, amount: keep }, expired: erase }
sessions: { treatment: erase, expires: { after: P90D, clock: seen_at, why: Art. 5(1)(e) GDPR } }
tickets: { treatment: erase, expires: { after: P1Y, clock: opened_on, why: support, then: { body: { set: null } } } }`;

const open = async (options: Partial<NightOptions> = {}): Promise<void> => {
  night = await openNight({ schema, tables, now: "2026-11-02T02:00:00Z", ...options });
};
const ids = async (table: string): Promise<readonly unknown[]> =>
  (await night.store.query<{ id: number }>(`select id from ${table} order by id`)).map(({ id }) => id);
const expired = () =>
  night.state.query<{ table_name: string }>(
    "select table_name, treatment, rows, through::text, clock_first::text, clock_last::text from lethe.expiry order by table_name, clock_first",
  );
const rest = () => night.state.query("select table_name, due, without_clock from lethe.expiry_rest order by 1");

describe("a night without requests", () => {
  test("lets go what is past its period: parts with the whole and never before it, and what has no clock stays and is named", async () => {
    await open();
    await night.nightly();
    // 2017 and before are over. Line 2 is part of an invoice of 2018, invoice 5 has a line of 2019: both wait.
    expect([await ids("invoices"), await ids("invoice_lines")]).toEqual([
      [3, 4, 5],
      [2, 5],
    ]);
    // Ninety days before 2 November: the day ends in Berlin at 22:00 of UTC, and by UTC two hours later, which keeps longer.
    expect(await ids("sessions")).toEqual([2, 3]);
    expect(await night.store.query("select id, body from tickets order by id")).toEqual([
      { id: 1, body: null },
      { id: 2, body: "help" },
    ]);
    expect(await expired()).toEqual([
      {
        table_name: "invoice_lines",
        treatment: "erase",
        rows: 1,
        through: "2017-12-31",
        clock_first: "2015-03-04",
        clock_last: "2015-03-04",
      },
      {
        table_name: "invoices",
        treatment: "erase",
        rows: 2,
        through: "2017-12-31",
        clock_first: "2015-03-04",
        clock_last: "2017-12-31",
      },
      {
        table_name: "sessions",
        treatment: "erase",
        rows: 1,
        through: "2026-08-03",
        clock_first: "2026-08-03",
        clock_last: "2026-08-03",
      },
      {
        table_name: "tickets",
        treatment: "anonymise",
        rows: 1,
        through: "2025-11-01",
        clock_first: "2024-05-01",
        clock_last: "2024-05-01",
      },
    ]);
    expect(await rest()).toEqual([
      { table_name: "invoice_lines", due: 1, without_clock: 0 },
      { table_name: "invoices", due: 1, without_clock: 1 },
      { table_name: "sessions", due: 0, without_clock: 0 },
      { table_name: "tickets", due: 0, without_clock: 0 },
    ]);
    expect(await night.store.query("select from lethe.journal_expiry")).toEqual([]);
    await night.nightly();
    expect(await expired()).toHaveLength(4);
  });

  test("keeps what has a date that nobody can read, as if it had none", async () => {
    await open();
    await night.store.query(
      `insert into invoices values (6, 1, '-infinity', 60), (7, 1, 'infinity', 70), (8, 1, '0044-03-15 BC', 80);
        insert into invoice_lines values (6, 6, '2015-03-04', 60)`,
    );
    await night.nightly();
    expect([await ids("invoices"), await ids("invoice_lines")]).toEqual([
      [3, 4, 5, 6, 7, 8],
      [2, 5, 6],
    ]);
    expect(await rest()).toContainEqual({ table_name: "invoices", due: 1, without_clock: 4 });
  });

  test("does no more than the configuration allows, and the next goes on", async () => {
    await open({ store: { expireRows: 2 } });
    await night.nightly();
    expect(await ids("invoices")).toHaveLength(4);
    await night.nightly();
    await night.nightly();
    expect([await ids("invoices"), await ids("sessions")]).toEqual([
      [3, 4, 5],
      [2, 3],
    ]);
  });

  test("leaves the rows of whom a legal hold protects, and no others", async () => {
    await open();
    const [ref = ""] = await night.ask({ email: "ada@example.org" });
    await holdRequest(night.context, ref, { by: "dpo", matter: "AZ-7" });
    await night.nightly();
    expect([await ids("invoices"), await ids("sessions")]).toEqual([
      [1, 3, 4, 5],
      [1, 2, 3],
    ]);
    expect(await night.store.query("select body from tickets where id = 1")).toEqual([{ body: "help" }]);
  });

  test("says of no row that it changed which a trigger keeps as it was, and renews what views and statistics still hold", async () => {
    await open({
      schema: `${schema};
        create function keep() returns trigger language plpgsql as $$ begin
          if old.channel = 'web' then new.body := old.body; end if; return new; end $$;
        create trigger keep before update on tickets for each row execute function keep();
        insert into tickets values (3, 2, '2024-06-01', 'help', 'mail');
        create materialized view bodies as select id, body from tickets;
        insert into sessions select 100 + n, 1, '2026-01-01', '198.51.100.7' from generate_series(1, 50) n;
        analyze sessions`,
    });
    await night.nightly();
    expect(await night.store.query("select id from tickets where body is null")).toEqual([{ id: 3 }]);
    expect((await expired()).filter(({ table_name: table }) => table === "tickets")).toMatchObject([
      { rows: 1, clock_first: "2024-06-01" },
    ]);
    expect(await rest()).toContainEqual({ table_name: "tickets", due: 1, without_clock: 0 });
    expect(await night.store.query("select id from bodies where body is null")).toEqual([{ id: 3 }]);
    expect(
      await night.store.query(
        "select from pg_stats where tablename = 'sessions' and most_common_vals::text like '%198.51.100.7%'",
      ),
    ).toEqual([]);
  });
});
