import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { ReportDocument } from "#report/report-document.ts";
import { holdRows } from "#holds/rows.ts";
import { showRequest } from "#intake/show.ts";
import { openNight, type Night, type NightOptions } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text);
  create table invoices (id int primary key, customer_id int references customers, issued_on date, total numeric);
  create table consents (id int primary key, customer_id int references customers, granted_on date, source text);
  insert into customers values (1, 'ada@example.org'), (2, 'ben@example.org');
  insert into invoices values (1, 1, '2024-05-01', 10), (2, 1, '2026-05-01', 20), (3, 2, '2026-05-01', 30), (4, 2, null, 40);
  insert into consents values (1, 1, '2025-01-01', 'web')`;
const tables = `customers: { treatment: anonymise, columns: { email: { set: null } } }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, total: keep }, expired: erase }
consents: { treatment: retain, class: proof, clock: granted_on, columns: { customer_id: keep, granted_on: keep, source: { stays: proof of consent } }, expired: { source: { set: null } } }`;
const classes = "  proof: { basis: GDPR Art. 7(1), period: P3Y, anchor: end-of-calendar-year, exception: e }";

const open = async (options: Partial<NightOptions> = {}): Promise<void> => {
  night = await openNight({ schema, tables, classes, now: "2026-11-02T02:00:00Z", ...options });
};
const ended = async (ref: string) =>
  (await showRequest(night.context, ref)).dispositions
    .filter(({ treatment }) => treatment === "retain")
    .map(({ table, rows, until, ended: day, endedAs }) => [table, rows, until, day, endedAs]);
const entries = async () =>
  (
    await night.state.query<{ body: string }>(
      "select body from lethe.ledger_entry where kind = 'retention.ended' order by index",
    )
  ).map(({ body }) => JSON.parse(body) as Record<string, unknown>);

test("when the day of the last retained record comes, what has become of them is put on record, once", async () => {
  await open();
  const [ada = "", ben = ""] = await night.ask({ email: "ada@example.org" }, { email: "ben@example.org" });
  await night.nightly();
  expect(await ended(ada)).toEqual([
    ["consents", 1, "2029-01-01", null, null],
    ["invoices", 2, "2035-01-01", null, null],
  ]);
  await night.nightly(night.at("2029-01-01T02:00:00Z"));
  expect(await ended(ada)).toEqual([
    ["consents", 1, "2029-01-01", "2029-01-01", "anonymise"],
    ["invoices", 2, "2035-01-01", null, null],
  ]);
  // The invoice of 2024 has gone; of the request something is retained still.
  await night.nightly(night.at("2033-01-01T02:00:00Z"));
  expect(await night.store.query("select id from invoices order by id")).toEqual([{ id: 2 }, { id: 3 }, { id: 4 }]);
  await night.nightly(night.at("2034-12-31T02:00:00Z"));
  expect((await ended(ada)).at(-1)).toEqual(["invoices", 2, "2035-01-01", null, null]);
  const last = await night.nightly(night.at("2035-01-01T02:00:00Z"));
  expect((await ended(ada)).at(-1)).toEqual(["invoices", 2, "2035-01-01", "2035-01-01", "erase"]);
  // A record without a date is kept, and of its request nobody says that it has ended.
  expect(await ended(ben)).toEqual([["invoices", 2, "2035-01-01", null, null]]);
  expect((await showRequest(night.context, ben)).dispositions.at(-1)).toMatchObject({ table: "invoices", undated: 1 });
  expect(await night.store.query("select id from invoices")).toEqual([{ id: 4 }]);
  expect(await entries()).toMatchObject([
    {
      request: ada,
      complete: false,
      records: [{ table: "consents", rows: 1, as: "anonymise", basis: "GDPR Art. 7(1)", until: "2029-01-01" }],
    },
    {
      request: ada,
      complete: true,
      run: last.run,
      records: [{ store: "shop", table: "invoices", rows: 2, as: "erase", basis: "HGB §257", until: "2035-01-01" }],
    },
  ]);
  const report = JSON.parse(await readFile(join(last.report ?? "", "report.json"), "utf8")) as ReportDocument;
  expect(report.expiry.ended).toEqual([
    { store: "shop", table: "invoices", as: "erase", requests: 1, rows: 2, basis: "HGB §257", complete: 1 },
  ]);
  await night.nightly(night.at("2035-01-02T02:00:00Z"));
  expect(await entries()).toHaveLength(2);
  expect(await night.state.query("select ended_on from lethe.stay where column_name = 'source'")).toEqual([
    { ended_on: "2029-01-01" },
  ]);
});

test("of records of a day on which a row still waits nothing is said", async () => {
  await open();
  const [ada = ""] = await night.ask({ email: "ada@example.org" });
  await night.nightly();
  // Ben's invoice is of the same day as one of Ada's.
  await holdRows(
    night.context,
    { by: "counsel", matter: "AZ-1", reason: "claim" },
    { store: "shop", table: "invoices", clock: undefined, from: "2026-05-01", to: undefined },
  );
  await night.nightly(night.at("2035-01-01T02:00:00Z"));
  expect(await night.store.query("select id from invoices order by id")).toEqual([{ id: 2 }, { id: 3 }, { id: 4 }]);
  expect((await ended(ada)).at(-1)).toEqual(["invoices", 2, "2035-01-01", null, null]);
});

test("a time late on New Year's Eve is counted from the later of both days by which clocks are told, and so are numbers as their column has them", async () => {
  await open({
    schema: `create table customers (id int primary key, email text);
      create table invoices (id int primary key, customer_id int references customers, issued_at timestamptz, total numeric(10,2));
      insert into customers values (1, 'ada@example.org');
      insert into invoices values (1, 1, '2026-12-31T23:30:00Z', 10)`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
invoices: { treatment: retain, class: voucher, clock: issued_at, columns: { customer_id: keep, issued_at: keep, total: keep }, expired: { total: { set: 0 } } }`,
    classes: "",
    now: "2027-02-01T02:00:00Z",
  });
  const [ada = ""] = await night.ask({ email: "ada@example.org" });
  await night.nightly();
  // In Berlin it is 2027 by then.
  expect(await ended(ada)).toEqual([["invoices", 1, "2036-01-01", null, null]]);
  await night.nightly(night.at("2035-01-01T02:00:00Z"));
  expect(await ended(ada)).toEqual([["invoices", 1, "2036-01-01", null, null]]);
  await night.nightly(night.at("2036-01-01T02:00:00Z"));
  expect(await ended(ada)).toEqual([["invoices", 1, "2036-01-01", "2036-01-01", "anonymise"]]);
});

test("nothing is complete of a request that is not done: the rest of it may be held", async () => {
  await open();
  const [ada = ""] = await night.ask({ email: "ada@example.org" });
  const range = { store: "shop", table: "invoices", clock: undefined, from: "2026-01-01", to: undefined };
  await holdRows(night.context, { by: "counsel", matter: "AZ-1", reason: "claim" }, range);
  await night.nightly();
  await night.nightly(night.at("2029-01-01T02:00:00Z"));
  await night.nightly(night.at("2033-01-01T02:00:00Z"));
  expect((await night.requests(ada))[0]).toMatchObject({ code: "LEGAL_HOLD" });
  expect((await entries()).map(({ complete }) => complete)).toEqual([false, false]);
});
