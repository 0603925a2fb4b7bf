import { afterEach, describe, expect, it } from "vitest";
import { attackStores } from "#anonymity/attack-stores.ts";
import { checkPolicies } from "#policy-check.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

/** Twelve people; each pays once a quarter in the month of their number, everybody a price of their own, and it is tracked. */
const schema = `
  create table customers (id int primary key, email text unique, name text);
  insert into customers select n, 'p' || n || '@shop.example', 'P' || n from generate_series(1, 12) n;
  create table invoices (id int primary key, customer_id int references customers, issued_on date not null, total numeric(10,2) not null, country text, billing_name text);
  create table events (id int generated always as identity primary key, customer_id int references customers, at timestamptz, event text, amount numeric(10,2), country text, visitor text);
  insert into invoices select q * 100 + n, n, make_date(2026, 3 * q - 2 + n % 3, 10), 10 + n + q * 0.01, case when n % 2 = 0 then 'DE' else 'FR' end, 'P' || n
    from generate_series(1, 12) n, generate_series(1, 3) q;
  insert into events (customer_id, at, event, amount, country, visitor)
    select customer_id, issued_on + time '15:00', 'checkout', total, country, md5(customer_id::text) from invoices;
  insert into events (customer_id, at, event, amount, country, visitor)
    select n, '2026-02-03 08:00Z', 'view', 0, 'DE', md5(n::text) from generate_series(1, 12) n;
`;

const tables = (columns: string, rest = "") => `
customers: { treatment: anonymise, columns: { email: { set: null }, name: { set: null } } }
invoices:
  treatment: retain
  class: voucher
  clock: issued_on
  columns: { customer_id: keep, issued_on: keep, total: keep, country: keep, billing_name: { set: null } }
events:
  treatment: anonymise
  columns: { customer_id: { set: null }, event: keep, ${columns} }
  conserve: [count, sum(amount)]
  clock: at
  per: quarter
  attack: [{ knows: invoices, by: { at: issued_on, amount: total, country: country }, whose: customer_id }]
  ${rest}`;

const people = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ email: `p${from + n}@shop.example` }));
const attacked = { store: "shop", table: "events", threshold: 5, knows: "invoices" };
const named = () => night.store.query("select count(*) from events where customer_id is not null");

describe("rows that are said to be nobody's, joined to invoices that are kept", () => {
  it("a hashed id beside time and amount finds everybody, and the gate stops it", async () => {
    night = await openNight({
      schema,
      tables: tables("at: keep, amount: keep, country: keep, visitor: { unique: 'visitor-{random}' }"),
    });
    await night.ask(...people(1, 12));
    const summary = await night.nightly();
    expect(summary).toMatchObject({ outcome: "attention", requests: { failed: 12 } });
    const [first] = await night.requests();
    expect(first).toMatchObject({ state: "failed", code: "ATTACK_MATCHED" });
    expect(first?.detail).toEqual({
      store: "shop",
      table: "events",
      rows: 3,
      wait: { missing: 1, then: "wait" },
      hint: expect.stringMatching(/^exactly compared, one person alone fits in invoices: it waits/),
    });
    expect(await named()).toEqual([{ count: 48 }]);
    expect(await night.store.query("select count(*) from customers where name is null")).toEqual([{ count: 0 }]);
  });

  it("of a time and an amount that rows have exchanged only the period is left to compare", async () => {
    const exchanged = (rest: string) =>
      tables(`at: { shuffle: [] }, amount: { shuffle: [] }, country: ${rest}, visitor: { set: null }`);
    night = await openNight({ schema, tables: exchanged("{ set: null }") });
    await night.ask(...people(1, 12));
    await night.nightly();
    // Four people each, or twelve, of a quarter: the rows that they were are not among what could be compared.
    expect((await night.requests()).map(({ state }) => state)).toEqual(Array.from({ length: 12 }, () => "completed"));
    const found = await attackStores(night.context);
    expect(found).toMatchObject([{ ...attacked, precision: "exact", rows: 48, one: 0, few: 0 }]);
  });

  it("a time cut to the day, or a month, is compared as coarse as that", async () => {
    night = await openNight({
      schema,
      tables: tables("at: { truncate: month }, amount: keep, country: { set: null }, visitor: { set: null }"),
    });
    await night.ask(...people(1, 12));
    await night.nightly();
    expect(new Set((await night.requests()).map(({ code }) => code))).toEqual(new Set(["ATTACK_MATCHED"]));
  });

  it("amounts that only add up, and times as coarse as the books are read, find nobody; every total stays", async () => {
    night = await openNight({
      schema,
      tables: tables(
        "at: { truncate: quarter }, amount: { mean: [event] }, country: { set: null }, visitor: { set: null }",
      ),
    });
    const totals =
      "select date_trunc('quarter', at, 'Europe/Berlin') as quarter, count(*), sum(amount)::text as sum from events group by 1 order by 1";
    const before = await night.store.query(totals);
    await night.ask(...people(1, 12));
    await night.nightly();
    expect(new Set((await night.requests()).map(({ state }) => state))).toEqual(new Set(["completed"]));
    expect(await named()).toEqual([{ count: 0 }]);
    expect(await night.store.query(totals)).toEqual(before);
    // Means that are nobody's amount, and no less than everybody in a quarter.
    expect(await attackStores(night.context)).toEqual([
      { ...attacked, precision: "exact", rows: 48, nobody: 48, one: 0, few: 0, many: 0 },
      { ...attacked, precision: "banded", rows: 48, nobody: 0, one: 0, few: 0, many: 48 },
    ]);
  });

  it("what a script has hashed in the night before is found out, at any time, by the command", async () => {
    night = await openNight({
      schema,
      tables: tables("at: keep, amount: keep, country: keep, visitor: { unique: 'visitor-{random}' }"),
    });
    expect(await attackStores(night.context)).toMatchObject([{ rows: 0 }, { rows: 0 }]);
    await night.store.query(`
      update events set customer_id = null, visitor = 'visitor-' || left(md5(visitor), 20) where customer_id < 5;
      update invoices set billing_name = null where customer_id < 5`);
    // Of each of four people three checkouts, and a look at a page that nobody paid for.
    expect(await attackStores(night.context)).toEqual([
      { ...attacked, precision: "exact", rows: 16, nobody: 4, one: 12, few: 0, many: 0 },
      { ...attacked, precision: "banded", rows: 16, nobody: 4, one: 12, few: 0, many: 0 },
    ]);
  });

  it("one person's rows are found by the quarter alone while nobody else is erased, and go with others", async () => {
    night = await openNight({
      schema,
      tables: tables("at: { truncate: quarter }, amount: keep, country: { set: null }, visitor: { set: null }").replace(
        ", amount: total",
        "",
      ),
    });
    await night.ask(...people(1, 1));
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "failed", code: "ATTACK_MATCHED" }]);
    await night.ask(...people(2, 12));
    await night.nightly();
    expect(new Set((await night.requests()).map(({ state }) => state))).toEqual(new Set(["completed"]));
  });

  it("what the rule sets a column to is known again as the column prints it: 0 as 0.00", async () => {
    night = await openNight({
      schema: `${schema} alter table invoices add fee numeric(10,2) not null default 3; alter table events add ip inet default '10.0.0.7';`,
      tables: tables("at: keep, amount: keep, country: keep, visitor: { set: null }, ip: { set: '0.0.0.0' }").replace(
        "billing_name: { set: null }",
        "billing_name: { set: '' }, fee: { set: 0 }",
      ),
    });
    await night.ask(...people(1, 1));
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "failed", code: "ATTACK_MATCHED" }]);
    await night.store.query(`
      update events set customer_id = null, visitor = null, ip = '0.0.0.0' where customer_id = 2;
      update invoices set billing_name = '', fee = 0 where customer_id = 2`);
    expect(await attackStores(night.context)).toMatchObject([
      { rows: 4, one: 3 },
      { rows: 4, one: 3 },
    ]);
  });

  it("an address is known again as others write it, and an amount of a domain by what it amounts to", async () => {
    night = await openNight({
      schema: `create domain price as numeric; ${schema} alter table events alter amount type price;
        alter table events add ip inet; alter table invoices add ip text; alter table invoices alter total type numeric(12,4);
        update events set ip = ('10.0.0.' || customer_id)::inet; update invoices set ip = '10.0.0.' || customer_id;`,
      tables: tables("at: { set: null }, amount: keep, country: { set: null }, visitor: { set: null }, ip: keep")
        .replace("by: { at: issued_on, amount: total, country: country }", "by: { amount: total, ip: ip }")
        .replace("clock: at\n  per: quarter", "")
        .replace("billing_name: { set: null }", "billing_name: { set: null }, ip: keep"),
    });
    await night.ask(...people(1, 1));
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "failed", code: "ATTACK_MATCHED" }]);
  });

  it("what happened after midnight is of the day that the books call it", async () => {
    night = await openNight({
      schema: `${schema} delete from events where event = 'view';
        update invoices set issued_on = make_date(2026, customer_id, 10);
        update events set at = make_date(2026, customer_id, 10) - interval '30 minutes'`,
      tables: tables("at: keep, amount: { set: null }, country: { set: null }, visitor: { set: null }").replace(
        "conserve: [count, sum(amount)]",
        "conserve: [count]",
      ),
    });
    await night.ask(...people(1, 2));
    await night.nightly();
    const [first] = await night.requests();
    expect(first).toMatchObject({
      state: "failed",
      code: "ATTACK_MATCHED",
      detail: { hint: expect.stringMatching(/^exactly/) },
    });
  });

  it("a record without a number in it fails nobody", async () => {
    night = await openNight({
      schema: `${schema} update invoices set total = 'NaN' where customer_id = 12; alter table invoices alter total type float8; update invoices set total = 'infinity' where id = 311;`,
      tables: tables("at: { truncate: quarter }, amount: keep, country: { set: null }, visitor: { set: null }"),
    });
    await night.ask(...people(11, 12));
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "failed", code: "ATTACK_MATCHED" }, { state: "completed" }]);
  });

  it("records that say nothing are no company in the last band, nor among the others", async () => {
    const alone = `update events set amount = 5 where customer_id = 1; update invoices set total = 5 where customer_id = 1;
      update events set amount = 500, country = 'XX' where customer_id = 2; update invoices set total = 500, country = 'XX' where customer_id = 2;
      alter table invoices alter total drop not null; update invoices set total = null, country = null where customer_id = 3;
      delete from events where customer_id = 3 or event = 'view';`;
    for (const columns of [
      "at: { set: null }, amount: { code: { bottom: 100 } }, country: { set: null }, visitor: { set: null }",
      "at: { set: null }, amount: { set: null }, country: { generalise: { map: { DE: D, FR: F }, otherwise: other } }, visitor: { set: null }",
    ]) {
      night = await openNight({
        schema: schema + alone,
        tables: tables(columns)
          .replace("conserve: [count, sum(amount)]\n  clock: at\n  per: quarter", "")
          .replace("at: issued_on, ", ""),
      });
      const who = columns.includes("code") ? 1 : 2;
      await night.ask(...people(who, who), ...people(3, 3));
      await night.nightly();
      expect(await night.requests()).toMatchObject([
        { state: "failed", code: "ATTACK_MATCHED" },
        { state: "completed" },
      ]);
      if (who === 1) await night.dispose();
    }
  });

  it("a rare value that only the living still have is compared as what it became", async () => {
    night = await openNight({
      schema: `${schema} update invoices set country = 'SJ' where customer_id = 1; update events set country = 'SJ' where customer_id = 1;
        insert into events (customer_id, country) values (9, 'SJ');`,
      tables: tables(
        "at: keep, amount: keep, country: { rare: { below: 9, otherwise: other } }, visitor: { set: null }",
      ),
    });
    await night.ask(...people(1, 1));
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "failed", code: "ATTACK_MATCHED" }]);
  });

  it("what is empty after the erasure cannot say whose records are", async () => {
    night = await openNight({
      schema,
      tables: tables("at: keep, amount: keep, country: keep, visitor: { set: null }").replace(
        "whose: customer_id",
        "whose: billing_name",
      ),
    });
    await expect(night.ask(...people(1, 1))).rejects.toMatchObject({
      code: "POLICY_CONTRADICTION",
      message: expect.stringContaining("invoices.billing_name tells nobody apart"),
    });
  });

  it("a reference of the records to their people tells them apart without being named", async () => {
    night = await openNight({
      schema: `${schema} update invoices set total = 5, country = 'DE', issued_on = '2026-01-10' where customer_id = 1; update events set amount = 5, country = 'DE', at = '2026-01-10' where customer_id = 1;`,
      tables: tables("at: { truncate: day }, amount: keep, country: keep, visitor: { set: null }").replace(
        ", whose: customer_id",
        "",
      ),
    });
    expect(await checkPolicies(night.context)).toMatchObject([
      { findings: [], warnings: [expect.stringMatching(/^events: whoever would still be recognised at the deadline/)] },
    ]);
    await night.ask(...people(1, 1));
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "failed", code: "ATTACK_MATCHED" }]);
  });

  it("without a column that tells people apart each record is of somebody else, and the check of the policy warns", async () => {
    night = await openNight({
      schema: `${schema} alter table invoices add payer_id int references customers; update invoices set total = 5, country = 'DE', issued_on = '2026-01-10' where customer_id = 1; update events set amount = 5, country = 'DE', at = '2026-01-10' where customer_id = 1;`,
      tables: tables("at: { truncate: day }, amount: keep, country: keep, visitor: { set: null }")
        .replace(", whose: customer_id", "")
        .replace("customer_id: keep,", "customer_id: keep, payer_id: keep,"),
    });
    expect(await checkPolicies(night.context)).toMatchObject([
      {
        findings: [],
        warnings: [
          expect.any(String),
          "events: several records of invoices that say the same count as several people, be they one person's; name the column that tells people apart with `whose`",
        ],
      },
    ]);
    await night.ask(...people(1, 1));
    await night.nightly();
    expect(await night.requests()).toMatchObject([{ state: "completed" }]);
  });
});
