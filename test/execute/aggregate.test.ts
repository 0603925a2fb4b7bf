import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 30) n;
  create table visits (id int generated always as identity primary key, customer_id int not null references customers, at timestamptz not null, city text, page text, seconds numeric(8,2));
  create table visits_by_month (month date, city text, page text, visits bigint not null default 0, seconds numeric, primary key (month, city, page));`;
const rule = (rest = "") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  quasi: [city, page]
  k: 3
  clock: at
  columns: { customer_id: keep, at: keep, city: { generalise: { map: { Kiel: north, Sylt: north }, otherwise: south } }, page: keep, seconds: keep }
  aggregate: { into: visits_by_month, period: month, count: visits, sums: { seconds: seconds }, other: { city: other, page: other } }
  ${rest}`;
const people = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => ({ email: `p${from + n}@shop.example` }));
const counts = () =>
  night.store.query("select month::text, city, page, visits::int, seconds::text from visits_by_month order by 1, 2, 3");
const done = { state: "completed" };

test("rows go, and are counted by class and month in the other table, on top of what it says", async () => {
  night = await openNight({
    schema: `${schema}
      insert into visits_by_month values ('2026-03-01', 'north', '/', 10, 1.5), ('2026-04-01', 'north', '/', 7, null);
      insert into visits (customer_id, at, city, page, seconds)
        select n, '2026-03-10 12:00Z'::timestamptz, case when n % 2 = 0 then 'Kiel' else 'Sylt' end, '/', n from generate_series(1, 4) n
        union all select n, '2026-04-10 12:00Z'::timestamptz, 'Kiel', '/', null from generate_series(1, 4) n
        union all select n, '2026-04-11 12:00Z'::timestamptz, 'Rom', '/about', 0.25 from generate_series(1, 3) n, generate_series(1, 2)
        union all select 9, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/', 100`,
    tables: rule(),
  });
  const [ref = ""] = await night.ask(...people(1, 4));
  await night.nightly();
  expect(await night.requests()).toMatchObject([done, done, done, done]);
  expect(await counts()).toEqual([
    { month: "2026-03-01", city: "north", page: "/", visits: 14, seconds: "11.50" },
    { month: "2026-04-01", city: "north", page: "/", visits: 11, seconds: "0" },
    { month: "2026-04-01", city: "south", page: "/about", visits: 6, seconds: "1.50" },
  ]);
  expect(await night.store.query("select customer_id as who from visits")).toEqual([{ who: 9 }]);
  expect(await night.dispositions(ref)).toEqual(["anonymise customers 1 0", "anonymise visits 4 0"]);
  // What went is what came, table to table.
  expect(
    await night.state.query(
      "select measure, period::text, before::float, after::float from lethe.conserved_told order by 1, 2",
    ),
  ).toEqual([
    { measure: "count", period: "2026-03-01", before: 4, after: 4 },
    { measure: "count", period: "2026-04-01", before: 10, after: 10 },
    { measure: "sum(seconds)", period: "2026-03-01", before: 10, after: 10 },
    { measure: "sum(seconds)", period: "2026-04-01", before: 1.5, after: 1.5 },
  ]);
});

test("a class to which fewer than k people of the batch add is no class of its own, however many were counted in it before", async () => {
  night = await openNight({
    schema: `${schema}
      insert into visits_by_month values ('2026-03-01', 'north', '/rare', 100, 0);
      insert into visits (customer_id, at, city, page, seconds)
        select n, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/', 1 from generate_series(1, 5) n
        union all select 1, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/rare', 1 from generate_series(1, 9)
        union all select 2, '2026-03-11 12:00Z'::timestamptz, 'Rom', '/about', 1
        union all select 3, '2026-03-11 12:00Z'::timestamptz, null, '/about', 1`,
    tables: rule(),
  });
  await night.ask(...people(1, 5));
  await night.nightly();
  expect((await night.requests()).map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => "completed"));
  expect(await counts()).toEqual([
    { month: "2026-03-01", city: "north", page: "/", visits: 5, seconds: "5.00" },
    { month: "2026-03-01", city: "north", page: "/rare", visits: 100, seconds: "0" },
    { month: "2026-03-01", city: "other", page: "other", visits: 11, seconds: "11.00" },
  ]);
});

test("whose rows not even the others hide waits, in the month in which it is so; the rest go without them", async () => {
  night = await openNight({
    schema: `${schema}
      insert into visits (customer_id, at, city, page, seconds)
        select n, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/', 1 from generate_series(1, 5) n
        union all select 1, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/one', 1
        union all select 2, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/two', 1`,
    tables: rule(),
  });
  await night.ask(...people(1, 5));
  await night.nightly();
  const waits = {
    state: "failed",
    code: "ANONYMITY_BELOW",
    detail: { table: "visits", rows: 1, measured: { k: 2 }, wait: { missing: 1, then: "wait" } },
  };
  expect(await night.requests()).toMatchObject([waits, waits, done, done, done]);
  expect(await counts()).toEqual([{ month: "2026-03-01", city: "north", page: "/", visits: 3, seconds: "3.00" }]);
  expect(await night.store.query("select distinct customer_id as who from visits order by 1")).toEqual([
    { who: 1 },
    { who: 2 },
  ]);
});

test("what the other table's columns cannot add up undoes the batch: nothing is lost on the way", async () => {
  night = await openNight({
    schema: `${schema} alter table visits_by_month alter seconds type int;
      insert into visits (customer_id, at, city, page, seconds) select n, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/', 0.4 from generate_series(1, 5) n`,
    tables: rule(),
  });
  await night.ask(...people(1, 3));
  await night.nightly();
  expect(await night.requests()).toMatchObject(
    Array.from({ length: 3 }, () => ({
      code: "TOTALS_CHANGED",
      state: "failed",
      detail: { hint: expect.stringContaining("what was added to visits_by_month") as string },
    })),
  );
  expect(await counts()).toEqual([]);
  expect(await night.store.query("select count(*)::int as n from visits")).toEqual([{ n: 5 }]);
});

test.each(["NaN", "Infinity"])(
  "whoever has %s where it is summed does not go, and no sum of others becomes it",
  async (odd) => {
    night = await openNight({
      schema: `${schema} alter table visits alter seconds type float8; alter table visits_by_month alter seconds type float8;
      insert into visits_by_month values ('2026-03-01', 'north', '/', 1000, 123456.5);
      insert into visits (customer_id, at, city, page, seconds)
        select n, '2026-03-10 12:00Z'::timestamptz, 'Kiel', '/', case when n = 1 then '${odd}' else 1.5 end from generate_series(1, 16) n`,
      tables: rule(),
    });
    await night.ask(...people(1, 16));
    await night.nightly();
    const requests = await night.requests();
    expect(requests.filter(({ state }) => state === "completed")).toHaveLength(15);
    expect(requests[0]).toMatchObject({
      state: "failed",
      code: "SUM_UNREADABLE",
      detail: { table: "visits", column: "seconds", rows: 1, hint: expect.stringContaining("correct the number") },
    });
    expect(await night.store.query("select customer_id as who from visits")).toEqual([{ who: 1 }]);
    expect(
      await night.store.query("select sum(visits)::int as visits, sum(seconds) as seconds from visits_by_month"),
    ).toEqual([{ visits: 1015, seconds: 123_479 }]);
  },
);

test("classes that may be empty, without a period, of rows without a key", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text unique);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 10) n;
      create table clicks (who int references customers, band int);
      create table bands (band int unique nulls not distinct, clicks int);
      insert into bands values (null, 5);
      insert into clicks select n, case when n < 5 then 10 + n when n = 10 then 99 end from generate_series(1, 10) n`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null } } }
clicks:
  treatment: anonymise
  quasi: [band]
  k: 4
  columns: { who: { set: null }, band: { band: { width: 10 } } }
  aggregate: { into: bands, count: clicks, other: { band: null } }`,
  });
  // The tenth is alone at 90, and one of six where it is empty.
  await night.ask(...people(1, 10));
  await night.nightly();
  expect((await night.requests()).every(({ state }) => state === "completed")).toBe(true);
  expect(await night.store.query("select band, clicks from bands order by band")).toEqual([
    { band: 10, clicks: 4 },
    { band: null, clicks: 11 },
  ]);
  expect(await night.store.query("select from clicks")).toEqual([]);
});

test("night after night every row is in one place only, and no class has grown by fewer than k people", async () => {
  const cells = fc.sample(
    fc.record({
      who: fc.integer({ min: 1, max: 30 }),
      month: fc.integer({ min: 1, max: 2 }),
      city: fc.constantFrom("Kiel", "Rom", "Sylt", null),
      page: fc.constantFrom("/", "/a", "/b"),
      cents: fc.integer({ min: -500, max: 500 }),
    }),
    { seed: 11, numRuns: 250 },
  );
  const rows = cells.map(
    ({ who, month, city, page, cents }) =>
      `(${who}, '2026-0${month}-10 12:00Z'::timestamptz, ${city === null ? "null" : `'${city}'`}, '${page}', ${(cents / 100).toFixed(2)})`,
  );
  night = await openNight({
    schema: `${schema} insert into visits (customer_id, at, city, page, seconds) values ${rows.join(", ")}; create table at_first as table visits`,
    tables: rule(),
  });
  const sums = `select month::text, sum(n)::int as n, sum(s)::text as s from (
    select date_trunc('month', at, 'UTC')::date as month, count(*) as n, sum(seconds) as s from visits group by 1
    union all select month, sum(visits), sum(seconds) from visits_by_month group by 1) x group by 1 order by 1`;
  const first = await night.store.query(sums);
  for (const [from, to] of [
    [1, 10],
    [11, 20],
    [21, 30],
  ] as const) {
    await night.store.query("drop table if exists grown; create table grown as table visits_by_month");
    const before = await night.store.query<{ id: number }>("select id from visits");
    await night.ask(...people(from, to));
    await night.nightly();
    expect(await night.store.query(sums)).toEqual(first);
    // Of the rows that went tonight, class by class as far as classes were told, the people are three or more.
    const thin = await night.store.query(
      `with went as (select a.* from at_first a where id = any ($1::int[]) and not exists (select from visits v where v.id = a.id)),
        grown_by as (select n.month, n.city, n.page, n.visits - coalesce(g.visits, 0) as by from visits_by_month n left join grown g using (month, city, page))
      select g.* from grown_by g where by > 0 and city <> 'other' and (select count(distinct customer_id) from went
        where date_trunc('month', at, 'UTC')::date = g.month and page = g.page and case when city = 'Rom' then 'south' else 'north' end = g.city) < 3`,
      [before.map(({ id }) => id)],
    );
    expect(thin).toEqual([]);
  }
});
