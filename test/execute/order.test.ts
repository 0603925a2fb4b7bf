import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `p${n + 1}@shop.example` }));
const done = { state: "completed" };

/** Events of forty people, who come ten at a time: each has neighbours of their own in the table, and between them is room. */
const schema = (key: string) => `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 40) n;
  create table visits (${key}, customer_id int references customers, at timestamptz not null, city text, seconds numeric(8,2), minutes numeric generated always as (seconds / 60) stored,
    witness text) with (fillfactor = 60);
  insert into visits (customer_id, at, city, seconds, witness)
    select 1 + (n / 10) % 40, '2026-03-01'::timestamptz + n * interval '10 minutes', case when n % 2 = 0 then 'Kiel' else 'Sylt' end, n / 7.0, (1 + (n / 10) % 40)::text
    from generate_series(0, 3999) n;
  create index on visits (customer_id);`;
const rule = (columns: string, rest: string) => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  conserve: [count, sum(seconds)]
  clock: at
  ${rest}
  columns: { ${columns} customer_id: { set: null }, at: { truncate: day }, city: keep, seconds: keep, witness: keep }`;

/** How often a treated row lies beside one of the same person, of a hundred; chance alone makes it some four of forty people. */
const neighbours = async (): Promise<{ rows: number; xmins: number; same: number }> => {
  const [found] = await night.store.query<{ rows: number; xmins: number; same: number }>(`
    select count(*)::int as rows, count(distinct x)::int as xmins, round(100 * avg((witness = beside)::int))::int as same
    from (select xmin::text as x, witness, lag(witness) over (order by ctid) as beside from visits where customer_id is null) o`);
  if (found === undefined) throw new Error("no rows");
  return found;
};

test.each([
  ["with a key that the database numbers", "id int generated always as identity primary key", "id: { shuffle: [] },"],
  ["with a key of its own", "id uuid primary key default gen_random_uuid()", ""],
  ["without a key", "nothing int", "nothing: keep,"],
])("the rows of a batch %s are put in again in random order, by one transaction", async (_, key, columns) => {
  night = await openNight({ schema: schema(key), tables: rule(columns, "order: random") });
  const before = await night.store.query("select sum(seconds)::text as s, count(*) as n from visits");
  await night.ask(...people(20));
  await night.nightly();
  expect((await night.requests()).every(({ state }) => state === "completed")).toBe(true);
  const { rows, xmins, same } = await neighbours();
  expect({ rows, xmins }).toEqual({ rows: 2000, xmins: 1 });
  expect(same).toBeLessThan(10);
  expect(await night.store.query("select sum(seconds)::text as s, count(*) as n from visits")).toEqual(before);
  expect(
    await night.store.query("select count(*)::int as n from visits where round(seconds / 60, 6) <> round(minutes, 6)"),
  ).toEqual([{ n: 0 }]);
  const totals = await night.state.query<{ same: boolean; n: number }>(
    "select bool_and(before = after) as same, count(*)::int as n from lethe.conserved_told",
  );
  expect(totals).toEqual([{ same: true, n: 2 }]);
});

test("an update alone leaves the rows of one person beside each other", async () => {
  night = await openNight({ schema: schema("id int generated always as identity primary key"), tables: rule("", "") });
  await night.ask(...people(20));
  await night.nightly();
  const { rows, same } = await neighbours();
  expect(rows).toBe(2000);
  expect(same).toBeGreaterThan(70);
});

test("what has no key is told apart after it was put in again: who is too few waits, and nobody else", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text unique);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 6) n;
      create table visits (customer_id int references customers, city text);
      insert into visits select 1 + n % 6, case when n = 5 then 'Sylt' else 'Kiel' end from generate_series(0, 17) n`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: anonymise, quasi: [city], k: 3, order: random, columns: { customer_id: { set: null }, city: keep } }`,
  });
  await night.ask(...people(6));
  await night.nightly();
  const waits = { code: "ANONYMITY_BELOW", detail: { table: "visits", rows: 1, measured: { k: 1 } } };
  expect(await night.requests()).toMatchObject([done, done, done, done, done, waits]);
  expect(await night.store.query("select distinct customer_id as who from visits order by 1")).toEqual([
    { who: 6 },
    { who: null },
  ]);
});

test("a batch of fewer people than k puts nothing in order: all of it would be theirs", async () => {
  night = await openNight({
    schema: schema("id uuid primary key default gen_random_uuid()"),
    tables: rule("", "order: random\n  k: 3"),
  });
  await night.ask(...people(2));
  await night.nightly();
  const waits = { code: "ANONYMITY_BELOW", detail: { table: "visits", measured: { k: 2 } } };
  expect(await night.requests()).toMatchObject([waits, waits]);
  await night.ask({ email: "p3@shop.example" });
  await night.nightly();
  expect(await night.requests()).toMatchObject([done, done, done]);
});
