import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { measureTable } from "#anonymity/measure-table.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await night.dispose();
});

const schema = `create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 3) n;
  create table invoices (id int primary key, customer_id int references customers, issued_on date, city text);
  create table visits (id int primary key, customer_id int references customers, at date, city text);
  create index on visits (at);
  insert into visits values (1, 1, '2026-10-01', 'Sylt'), (2, 2, '2025-10-01', 'Sylt'), (3, 3, '2025-10-02', 'Sylt');`;
const tables = (visits = "expires: { after: P1Y, clock: at, why: security }") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { customer_id: keep, issued_on: keep, city: keep }, expired: erase }
visits:
  treatment: anonymise
  quasi: [city]
  k: 3
  columns: { customer_id: { set: null }, at: keep, city: keep }
  ${visits}`;

const anonymityIn = async (report: string | null) => {
  const text = await readFile(join(report ?? "", "report.json"), "utf8");
  return (JSON.parse(text) as { analytics: { anonymity: { k: number; rows: number }[] } }).analytics.anonymity;
};
const now = async () => {
  const options = { table: "visits", store: undefined, quasi: undefined, sensitive: [], k: undefined };
  const { k, rows, below } = await measureTable(night.context, options);
  return { k, rows, below };
};

test("a signed report says of a table what was read back after old rows of it had gone, and not how well people were hidden among them", async () => {
  night = await openNight({ schema, tables: tables() });
  await night.ask({ email: "p1@shop.example" });
  const { report } = await night.nightly();
  expect(await night.requests()).toMatchObject([{ state: "completed" }]);
  expect(await now()).toEqual({ k: 1, rows: 1, below: 1 });
  expect(await anonymityIn(report)).toMatchObject([
    { ...(await now()), before: { k: 3, rows: 3 }, met: false, reasons: expect.arrayContaining(["small-classes"]) },
  ]);
  const [, ...again] = await night.state.query<{ rows: string }>(
    "select body::jsonb #>> '{anonymity,rows}' as rows from lethe.ledger_entry where kind = 'analytics.measured' order by index",
  );
  expect(again).toEqual([{ rows: "1" }]);
});

test("whom an attack finds is looked for again once some of the records have gone that it knows, and in a night in which none go not at all", async () => {
  night = await openNight({
    schema: `${schema} insert into invoices values (1, 1, '2026-01-05', 'Sylt'), (2, 2, '2015-01-05', 'Sylt')`,
    tables: tables("attack: [{ knows: invoices, by: { city: city }, whose: customer_id }]"),
  });
  await night.ask(...[1, 2, 3].map((n) => ({ email: `p${n}@shop.example` })));
  const { report } = await night.nightly();
  expect(await night.store.query("select id from invoices")).toEqual([{ id: 1 }]);
  expect(await anonymityIn(report)).toMatchObject([{ attacks: [{ one: 3, few: 0 }], met: false }]);
  await night.store.query("insert into invoices values (3, 1, '2015-01-05', 'Kiel')");
  expect(await anonymityIn((await night.nightly(night.at("2026-11-03T02:00:00Z"))).report)).toMatchObject([{ k: 3 }]);
  expect(await anonymityIn((await night.nightly(night.at("2026-11-04T02:00:00Z"))).report)).toEqual([]);
});

test("a night that dies when old rows have gone leaves it to the next to measure what is left", async () => {
  night = await openNight({ schema, tables: tables() });
  vi.stubEnv("LETHE_FAULT", "after-expiry-recorded");
  vi.spyOn(process, "kill").mockImplementation(() => {
    throw new Error("killed");
  });
  await expect(night.nightly()).rejects.toThrow("killed");
  vi.unstubAllEnvs();
  expect(await night.state.query("select from lethe.anonymity")).toEqual([]);
  const { report } = await night.nightly(night.at("2026-11-03T02:00:00Z"));
  expect(await anonymityIn(report)).toMatchObject([await now()]);
});
