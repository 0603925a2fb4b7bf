import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const schema = `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 9) n;
  create table visits (id int primary key, customer_id int references customers, at timestamptz, city text, age int, price numeric(10,2), pages int);
`;
const anonymised = (columns: string, rest = "") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits: { treatment: anonymise, columns: { customer_id: { set: null }, ${columns} }${rest} }`;
const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `p${n + 1}@shop.example` }));

test("times are cut to their week or quarter, numbers to bands and ends, and rare categories lose their name", async () => {
  night = await openNight({
    schema: `${schema}
      insert into visits values
        (1, 1, '2026-05-10 23:30Z', 'Kiel', 37, -0.01, 4), (2, 1, '2026-05-11 00:30Z', 'Sylt', -3, 19.99, 400), (3, 2, null, null, null, null, null),
        (4, 3, '2026-12-31 10:00Z', 'Kiel', 40, 20, 0), (5, 3, '2026-01-01 10:00Z', 'Husum', 39, 250, 12);
      create table clicks (id int primary key, customer_id int references customers, at date);
      insert into clicks values (1, 1, '2026-05-10'), (2, 1, '2026-05-11')`,
    tables: `${anonymised(
      "at: { truncate: quarter }, city: { rare: { below: 2, otherwise: other } }, age: { band: { width: 10, from: 5 } }, price: { band: { width: 20 } }, pages: { code: { bottom: 1, top: 99 } }",
    )}
clicks: { treatment: anonymise, columns: { customer_id: { set: null }, at: { truncate: week } } }`,
  });
  await night.ask(...people(3));
  await night.nightly();
  expect(
    await night.store.query(
      "select at, city, age, price::text, pages from visits where customer_id is null order by id",
    ),
  ).toEqual([
    { at: "2026-03-31T22:00:00.000Z", city: "Kiel", age: 35, price: "-20.00", pages: 4 },
    { at: "2026-03-31T22:00:00.000Z", city: "other", age: -5, price: "0.00", pages: 99 },
    { at: null, city: null, age: null, price: null, pages: null },
    { at: "2026-09-30T22:00:00.000Z", city: "Kiel", age: 35, price: "20.00", pages: 1 },
    { at: "2025-12-31T23:00:00.000Z", city: "other", age: 35, price: "240.00", pages: 12 },
  ]);
  expect(await night.store.query("select at from clicks order by id")).toEqual([
    { at: "2026-05-04" },
    { at: "2026-05-11" },
  ]);
});

test("means are of the rows of a period that become alike, and add up to the last cent", async () => {
  const amounts = fc.sample(fc.option(fc.integer({ min: -99_999, max: 99_999 }), { nil: null, freq: 8 }), {
    seed: 7,
    numRuns: 60,
  });
  const rows = amounts.map((cents, id) => {
    const price = cents === null ? "null" : (cents / 100).toFixed(2);
    return `(${id}, ${(id % 9) + 1}, '2026-0${(id % 3) + 1}-15 10:00Z', '${id % 2 === 0 ? "Kiel" : "Sylt"}', 30, ${price}, ${id})`;
  });
  night = await openNight({
    schema: `${schema} insert into visits values ${rows.join(", ")}`,
    tables: anonymised(
      "at: { truncate: month }, city: { generalise: { map: { Kiel: coast, Sylt: coast }, otherwise: null } }, age: keep, price: { mean: [city] }, pages: { mean: [] }",
      ", k: 3, conserve: [count, sum(price), sum(pages)], clock: at",
    ),
  });
  const before = await night.store.query(
    "select date_trunc('month', at, 'Europe/Berlin') as month, sum(price)::text as price, sum(pages) as pages, count(price) as priced from visits group by 1 order by 1",
  );
  await night.ask(...people(9));
  await night.nightly();
  expect((await night.requests()).map(({ state }) => state)).toEqual(Array.from({ length: 9 }, () => "completed"));
  expect(
    await night.store.query(
      "select at as month, sum(price)::text as price, sum(pages) as pages, count(price) as priced from visits group by 1 order by 1",
    ),
  ).toEqual(before);
  // A cent apart at most, and a null is none.
  expect(
    await night.store.query(
      "select count(distinct price) as prices, (max(price) - min(price))::numeric <= 0.01 as near, max(pages) - min(pages) <= 1 as whole from visits group by at",
    ),
  ).toEqual([1, 2, 3].map(() => ({ prices: expect.toSatisfy((n: number) => n <= 2), near: true, whole: true })));
});

test("means of numbers with any number of digits add up, and of floating point nobody can promise it", async () => {
  const measured = (type: string) => `
    drop table visits;
    create table readings (id int primary key, customer_id int references customers, value ${type});
    insert into readings values (1, 1, 100.00000001), (2, 2, -2.2), (3, 3, 999999999.1234), (4, 4, null)`;
  const rule = (rest = "") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
readings: { treatment: anonymise, columns: { customer_id: { set: null }, value: { mean: [] } }, k: 3${rest} }`;
  const sum = "select sum(value)::text as sum, count(value) from readings";
  for (const type of ["numeric", "numeric(20,4)", "numeric(20,8)", "numeric(20)", "numeric(12,-2)"]) {
    night = await openNight({ schema: schema + measured(type), tables: rule(", conserve: [sum(value)]") });
    const before = await night.store.query<{ sum: string }>(sum);
    await night.ask(...people(4));
    await night.nightly();
    expect((await night.requests()).map(({ state }) => state)).toEqual(Array.from({ length: 4 }, () => "completed"));
    const [after] = await night.store.query<{ sum: string }>(sum);
    expect(Number(after?.sum)).toBe(Number(before[0]?.sum));
    await night.dispose();
  }
  night = await openNight({ schema: schema + measured("double precision"), tables: rule(", conserve: [sum(value)]") });
  await expect(night.ask(...people(4))).rejects.toMatchObject({
    code: "POLICY_CONTRADICTION",
    message: expect.stringContaining("do not add up to the last digit"),
  });
});

test("what is no finite number stays what it is, and spoils nobody's mean", async () => {
  night = await openNight({
    schema: `${schema} drop table visits; create table readings (id int primary key, customer_id int references customers, value numeric);
      insert into readings values (1, 1, 'NaN'), (2, 2, 1), (3, 3, 'Infinity'), (4, 4, 2), (5, 5, '-Infinity'), (6, 6, null);
      insert into readings select 10 + id, 9 - customer_id, value from readings where abs(value) > 1e9`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null } } }
readings: { treatment: anonymise, k: 2, columns: { customer_id: { set: null }, value: { mean: [] } } }`,
  });
  await night.ask(...people(9));
  await night.nightly();
  expect((await night.requests()).every(({ state }) => state === "completed")).toBe(true);
  expect(
    await night.store.query("select array_agg(value::float8::text order by id) as values from readings where id < 10"),
  ).toEqual([{ values: ["NaN", "1.5", "Infinity", "1.5", "-Infinity", null] }]);
});

test("a mapping file generalises to the level that the policy names, and what it does not list becomes what the policy says", async () => {
  night = await openNight({
    schema: `${schema} insert into visits (id, customer_id, city) values (1, 1, 'Kiel'), (2, 1, 'Wien'), (3, 1, 'Oz'), (4, 1, null), (5, 2, 'Kiel')`,
    tables: anonymised(
      "at: keep, age: keep, price: keep, pages: keep, city: { generalise: { file: geo/cities.csv, level: country, otherwise: elsewhere } }",
    ),
    beside: { "geo/cities.csv": "city;state;country\nKiel;Schleswig-Holstein;Germany\nWien;Wien;Austria\n" },
  });
  const [ref = ""] = await night.ask(...people(1));
  await night.nightly();
  expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  expect(await night.store.query("select city from visits order by id")).toEqual(
    ["Germany", "Austria", "elsewhere", null, "Kiel"].map((city) => ({ city })),
  );
  // What was approved can be read from the plan alone, whatever the file says by then.
  const [plan] = await night.state.query<{ held: boolean }>(
    `select body::text like '%"Kiel":"Germany"%' as held from lethe.plan`,
  );
  expect(plan).toEqual({ held: true });
});
