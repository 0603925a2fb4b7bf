import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns, soon, type ColumnsNight } from "#test/clickhouse/columns-night.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

const schema = `create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 9) n;`;

const policy = `
policy: web
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: events, key: user_id, key_of: shop, identifiers: { email: email } }
links: ['pageviews.visitor -> events.user_id']
tables:
  events:
    treatment: anonymise
    quasi: [country, at]
    k: 3
    clock: at
    conserve: [count, sum(amount)]
    columns:
      user_id: { set: null }
      email: { set: '' }
      at: { truncate: month }
      country: { generalise: { map: { DE: Europe, FR: Europe }, otherwise: elsewhere } }
      amount: keep
  pageviews: { treatment: erase }
  plans: { treatment: keep, reason: nothing about people }
`;

const tables = [
  `create table web.events (user_id Nullable(UInt32), email String codec(NONE), at DateTime('UTC'), country LowCardinality(String), amount Decimal(12, 2))
    engine = MergeTree partition by toYYYYMM(at) order by (country, at) settings ${soon}`,
  `create table web.pageviews (visitor UInt32, url String codec(NONE)) engine = MergeTree order by visitor settings ${soon}`,
  "create table web.plans (name String) engine = MergeTree order by name",
  `insert into web.events select number % 9 + 1, concat('p', toString(number % 9 + 1), '@shop.example'), toDateTime('2026-01-15 12:00:00', 'UTC') + number * 3600,
    ['DE', 'FR', 'US'][number % 3 + 1], number / 4 from numbers(900)`,
  "insert into web.pageviews select number % 9 + 1, concat('/account?mail=p', toString(number % 9 + 1), '@shop.example') from numbers(90)",
  "insert into web.plans values ('pro')",
];

const open = () =>
  openColumns({
    schema,
    tables: "customers: { treatment: anonymise, columns: { email: { set: null } } }",
    columns: policy,
    columnTables: tables,
  });

const files = (text: string): string => {
  try {
    return execFileSync("grep", ["-rlF", text, join(night.directory, "clickhouse")]).toString();
  } catch {
    return "";
  }
};

describe.skipIf(!inProcess)("a store of ClickHouse", () => {
  test("is erased with the others: the totals stay, and of the people nothing is in any file", async () => {
    night = await open();
    const refs = await night.ask(
      { email: "p1@shop.example" },
      { email: "p2@shop.example" },
      { email: "p4@shop.example" },
    );
    const before = await night.columns("select count() as rows, sum(amount) as amount from web.events");
    const summary = await night.nightly();
    expect(summary).toMatchObject({ outcome: "done", requests: { done: 3, failed: 0 } });
    expect(refs).toHaveLength(3);
    expect(await night.columns("select count() as rows, sum(amount) as amount from web.events")).toEqual(before);
    expect(
      await night.columns(
        "select country, count() as rows from web.events where user_id is null group by country order by country",
      ),
    ).toEqual([{ country: "Europe", rows: 300 }]);
    expect(await night.columns("select count() as rows from web.pageviews")).toEqual([{ rows: 60 }]);
    for (const name of ["p1@shop", "p2@shop", "p4@shop"]) expect(files(name)).toBe("");
    expect(files("p3@shop")).not.toBe("");
    expect(await night.columns("select name from system.tables where database = 'web' order by name")).toEqual([
      { name: "events" },
      { name: "pageviews" },
      { name: "plans" },
    ]);
  });
});
