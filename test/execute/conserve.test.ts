import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { ReportDocument } from "#report/report-document.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

/** Twenty people in three cities, and two on Sylt; everybody at half past midnight on the first of February in Berlin, when it is January in UTC. */
const schema = `
  create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 20) n;
  create table visits (id int generated always as identity primary key, customer_id int references customers, at timestamptz, city text, page text, seconds int);
  insert into visits (customer_id, at, city, page, seconds) select n, '2026-01-31 23:30Z', case when n < 3 then 'Sylt' else ('{Kiel,Bonn,Ulm}'::text[])[1 + n % 3] end, 'p' || n % 4, n
    from generate_series(1, 20) n;
  insert into visits (customer_id, at, city, page, seconds) select n, make_date(2026, m, 10), ('{Kiel,Bonn,Ulm}'::text[])[1 + n % 3], 'p0', n
    from generate_series(1, 20) n, generate_series(3, 5) m;
`;
const tables = (rest = "", columns = "city: keep, seconds: keep") => `
customers: { treatment: anonymise, columns: { email: { set: null } } }
visits:
  treatment: anonymise
  quasi: [page]
  k: 3
  conserve: [count, sum(seconds), distinct(page)]
  by: [city]
  clock: at
  columns: { customer_id: { set: null }, at: { truncate: day }, page: keep, ${columns} }
  ${rest}`;
const people = Array.from({ length: 20 }, (_, n) => ({ email: `p${n + 1}@shop.example` }));
const conserved = async (report: string | null | undefined) =>
  (JSON.parse(await readFile(join(report ?? "", "report.json"), "utf8")) as ReportDocument).analytics.conserved;
const before = (items: Awaited<ReturnType<typeof conserved>>, measure: string) =>
  items
    .filter((item) => item.measure === measure)
    .map(({ period, by, before: total }) => [period.slice(0, 7), by?.["city"] ?? null, total]);

test("totals are proved for every month and city, and a city of few people is not even named", async () => {
  night = await openNight({ schema, tables: tables() });
  await night.ask(...people);
  const { outcome, report } = await night.nightly();
  expect(outcome).toBe("done");
  const items = await conserved(report);
  expect(items.every(({ equal, why, before: was, after }) => equal && why === null && was === after)).toBe(true);
  const counts = before(items, "count");
  // Sylt has two; with one more of the month, which two more of another month protect: the fewest of each.
  expect(counts.filter(([, , total]) => total === null)).toEqual([
    ["2026-02", null, null],
    ["2026-03", null, null],
  ]);
  expect(counts.filter(([, , total]) => total !== null)).toEqual([
    ["2026-02", "Ulm", "6"],
    ["2026-03", "Ulm", "7"],
    ["2026-04", "Bonn", "7"],
    ["2026-04", "Kiel", "6"],
    ["2026-04", "Ulm", "7"],
    ["2026-05", "Bonn", "7"],
    ["2026-05", "Kiel", "6"],
    ["2026-05", "Ulm", "7"],
  ]);
  expect(before(items, "sum(seconds)")).toContainEqual(["2026-04", "Kiel", "63"]);
  expect(before(items, "distinct(page)")).toContainEqual(["2026-04", "Kiel", "1"]);
  expect(JSON.stringify(items)).not.toContain("Sylt");
});

test("a moment is cut to the day, and counted in the month, of the controller's clocks", async () => {
  night = await openNight({ schema, tables: tables() });
  await night.ask(...people);
  const { report } = await night.nightly();
  expect(
    await night.store.query(
      "select distinct at at time zone 'Europe/Berlin' as at, at = '2026-01-31 23:00Z' as midnight from visits order by 1 limit 1",
    ),
  ).toMatchObject([{ midnight: true }]);
  expect([...new Set((await conserved(report)).map(({ period }) => period))]).toEqual([
    "2026-02-01",
    "2026-03-01",
    "2026-04-01",
    "2026-05-01",
  ]);
});

test("what becomes coarser is compared as coarse as it becomes", async () => {
  night = await openNight({
    schema,
    tables: tables("", "city: { generalise: { map: { Sylt: coast, Kiel: coast }, otherwise: inland } }, seconds: keep"),
  });
  await night.ask(...people);
  const { report } = await night.nightly();
  expect(before(await conserved(report), "count")).toEqual(
    ["2026-02", "2026-03", "2026-04", "2026-05"].flatMap((month) => [
      [month, "coast", month === "2026-02" ? "8" : "6"],
      [month, "inland", month === "2026-02" ? "12" : "14"],
    ]),
  );
});

test("different values of two batches may be the same ones: their number is proved, and not added up", async () => {
  night = await openNight({ schema, tables: tables(), store: { batch: 10 } });
  await night.ask(...people);
  const { report } = await night.nightly();
  const items = await conserved(report);
  expect(before(items, "count")).toContainEqual(["2026-04", "Kiel", "6"]);
  expect(items.filter(({ measure }) => measure === "distinct(page)")).toContainEqual(
    expect.objectContaining({ period: "2026-04-01", by: { city: "Kiel" }, before: null, equal: true }),
  );
});

test("the rule's k is what a total has to be of where nothing is measured: six are not told of where it asks for eight", async () => {
  night = await openNight({
    schema,
    tables: tables("order: random").replace("quasi: [page]", "").replace("k: 3", "k: 8"),
  });
  await night.ask(...people);
  const { report } = await night.nightly();
  expect((await night.requests()).every(({ state }) => state === "completed")).toBe(true);
  expect(await night.state.query("select from lethe.anonymity")).toEqual([]);
  // Of six or seven in each city nothing can be told.
  expect(before(await conserved(report), "count")).toEqual(
    ["2026-02", "2026-03", "2026-04", "2026-05"].map((month) => [month, null, null]),
  );
});

test("a total that a deadline has changed is withheld with one more, however many it is of: the difference is one person's", async () => {
  night = await openNight({
    schema: `${schema} update visits set page = 'alone' where customer_id = 20 and at > '2026-03-01'`,
    tables: tables("late: erase"),
  });
  await night.ask(...people);
  const { report } = await night.nightly(night.at("2026-12-01T02:00:00Z"));
  const items = await conserved(report);
  const counts = items.filter(({ measure }) => measure === "count");
  // The rows of the one went, who was among the seven of Ulm of each month: none of them is told, nor what would tell one of them.
  const of = (city: string) => counts.filter(({ by }) => by?.["city"] === city);
  expect(of("Ulm")).toEqual([]);
  expect(counts.filter(({ by }) => by === null)).toHaveLength(4);
  for (const total of counts.filter(({ by }) => by === null))
    expect(total).toMatchObject({ before: null, after: null, equal: false, why: "deadline" });
  expect(await night.store.query("select count(*) from visits where customer_id is null")).toEqual([{ count: 76 }]);
});

test.each(["NaN", "Infinity", "-Infinity"])("one %s does not hide that the others' sum would change", async (odd) => {
  night = await openNight({
    schema: `${schema} alter table visits alter seconds type float8; update visits set seconds = '${odd}' where id in (7, 8);
      create function adds() returns trigger language plpgsql as $$ begin new.seconds = new.seconds + 1000; return new; end $$;
      create trigger adds before update on visits for each row when (new.customer_id is null and old.customer_id = 9) execute function adds();`,
    tables: tables(),
  });
  await night.ask(...people.slice(6, 11));
  await night.nightly();
  expect((await night.requests()).map(({ code }) => code)).toEqual([null, null, "TOTALS_CHANGED", null, null]);
  // Whose sum cannot be added up goes: it stays what it was.
  expect(
    await night.store.query("select seconds::text as odd from visits where customer_id is null and id in (7, 8)"),
  ).toEqual([{ odd }, { odd }]);
});

test.each(["0", "null"])(
  "a number that cannot be added up does not become %s without anybody seeing it",
  async (now) => {
    night = await openNight({
      schema: `${schema} alter table visits alter seconds type float8; update visits set seconds = 'NaN' where id = 7;
      create function mends() returns trigger language plpgsql as $$ begin new.seconds = ${now}; return new; end $$;
      create trigger mends before update on visits for each row when (new.seconds = 'NaN') execute function mends();`,
      tables: tables(),
    });
    await night.ask(...people.slice(6, 8));
    await night.nightly();
    expect((await night.requests()).map(({ code }) => code)).toEqual(["TOTALS_CHANGED", null]);
  },
);

test("a total that would change, in one of its parts alone, undoes the batch", async () => {
  night = await openNight({
    schema: `${schema}
      create function moves() returns trigger language plpgsql as $$ begin new.city = 'Bonn'; return new; end $$;
      create trigger moves before update on visits for each row execute function moves();`,
    tables: tables(),
  });
  await night.ask(...people.slice(4, 6));
  await night.nightly();
  expect((await night.requests()).map(({ code }) => code)).toEqual(["TOTALS_CHANGED", "TOTALS_CHANGED"]);
});
