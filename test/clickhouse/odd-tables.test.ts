import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { columnFindings } from "#clickhouse/findings.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { parsePolicy } from "#policy/parse.ts";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { openStore } from "#test/clickhouse/columns-store.ts";
import { noGate, webPolicy, webTables, three } from "#test/clickhouse/web.ts";

describe.skipIf(!inProcess)("the check of a policy for ClickHouse", () => {
  let store: Awaited<ReturnType<typeof openStore>>;
  beforeAll(async () => {
    store = await openStore();
    for (const statement of webTables.slice(1, 4)) await store.client.run(statement);
    await store.client.run("create database other");
    await store.client.run("create table other.copy (email String) engine = MergeTree order by email");
  });
  afterAll(() => store.dispose());

  const found = async (policy: string): Promise<readonly string[]> => {
    const catalog = await readColumnCatalog({ name: "events", client: store.client });
    return columnFindings(parsePolicy("web.yaml", policy), catalog).map(({ code, message }) => `${code} ${message}`);
  };

  test.each([
    [
      "a file that nothing searches",
      "create table web.odd (email String) engine = File(TabSeparated)",
      "engine File: what it holds",
    ],
    [
      "a buffer that hands on later",
      "create table web.odd as web.pageviews engine = Buffer(web, pageviews, 1, 10, 100, 10, 100, 10, 100)",
      "engine Buffer",
    ],
    [
      "states that hold text",
      "create table web.odd (n UInt8, v AggregateFunction(groupUniqArray, String)) engine = AggregatingMergeTree order by n",
      "odd.v keeps text in states",
    ],
    [
      "states that hold text of few",
      "create table web.odd (n UInt8, v AggregateFunction(argMax, LowCardinality(String), DateTime)) engine = AggregatingMergeTree order by n",
      "odd.v keeps text in states",
    ],
    [
      "a view that writes elsewhere",
      "create materialized view web.odd to other.copy as select email from web.events",
      "materialised view odd writes where nothing is searched",
    ],
  ])("refuses %s", async (_, statement, expected) => {
    await store.client.run(statement);
    const findings = await found(`${webPolicy}  odd: { treatment: keep, reason: nothing about people }\n`);
    await store.client.run("drop table web.odd sync");
    expect(findings.join("\n")).toContain(expected);
    expect(findings.join("\n")).toContain("STORE_UNSUPPORTED");
  });

  test.each([
    ["the key kept", "user_id: { set: null }", "user_id: keep", "events.user_id says whose a row is"],
    [
      "a link's column kept",
      "pageviews: { treatment: erase }",
      "pageviews: { treatment: anonymise, columns: { visitor: keep, url: { set: '/' } } }",
      "pageviews.visitor says whose a row is",
    ],
    [
      "a random value in what is measured",
      "email: { set: '' }",
      "email: { unique: 'x-{random}' }",
      "events.email is measured, and would be different in every row",
    ],
  ])("refuses %s", async (_, from, to, expected) => {
    const measured = webPolicy.replace("quasi: [country, at]", "quasi: [country, at, email]");
    expect(await found(measured)).toEqual([]);
    expect((await found(measured.replace(from, to))).join("\n")).toContain(expected);
  });

  test("takes tables of other engines that are kept, and a view into a table with a rule", async () => {
    await store.client.run("create table web.log (note String) engine = Log");
    await store.client.run("create table web.copy (email String) engine = MergeTree order by email");
    await store.client.run("create materialized view web.odd to web.copy as select email from web.events");
    const kept = ["log", "copy"].map((name) => `  ${name}: { treatment: keep, reason: nothing about people }\n`);
    expect(await found(`${webPolicy}${kept.join("")}`)).toEqual([]);
    for (const name of ["odd", "copy", "log"]) await store.client.run(`drop table web.${name} sync`);
  });
});

let night: ColumnsNight | undefined;
afterEach(async () => {
  await night?.dispose();
  night = undefined;
});

describe.skipIf(!inProcess)("a night with odd tables of ClickHouse", () => {
  test("searches tables that only grow, and the text that aggregates keep", async () => {
    const kept = ["log", "latest"].map((name) => `  ${name}: { treatment: keep, reason: nothing about people }\n`);
    night = await openColumns({
      columns: `${noGate}${kept.join("")}`,
      columnTables: [
        ...webTables,
        "create table web.log (note String, raw String ephemeral) engine = Log",
        "insert into web.log (note) values ('mail p2@shop.example')",
        "create table web.latest (n UInt32, last SimpleAggregateFunction(anyLast, String)) engine = AggregatingMergeTree order by n",
        "insert into web.latest values (1, 'p1@shop.example')",
      ],
    });
    await night.ask(...three);
    await night.nightly();
    expect(await night.requests()).toMatchObject([
      { state: "failed", code: "RESIDUAL", detail: { table: "latest", column: "last" } },
      { state: "failed", code: "RESIDUAL", detail: { table: "log", column: "note" } },
      { state: "completed" },
    ]);
  });

  test("reads all of a table, whatever the account's profile says of how much is enough", async () => {
    night = await openColumns({
      columns: `${noGate}  later: { treatment: keep, reason: nothing about people }\n`,
      columnTables: [
        ...webTables,
        "create table web.later (n UInt32, note String) engine = MergeTree order by n settings index_granularity = 64",
        "insert into web.later select number, if(number = 199999, 'p1@shop.example', 'x') from numbers(200000)",
        "set read_overflow_mode = 'break'",
        "set max_rows_to_read = 1000",
        "set transform_null_in = 1",
        "set join_use_nulls = 1",
      ],
    });
    await night.ask(...three);
    await night.nightly();
    expect(await night.requests()).toMatchObject([
      { state: "failed", code: "RESIDUAL", detail: { table: "later", rows: 1 } },
      { state: "completed" },
      { state: "completed" },
    ]);
  });

  test("keeps every value of every type that the policy keeps, and cuts moments of any year", async () => {
    const types = {
      i: ["Int128", "-170141183460469231731687303715884105728 + number"],
      d: ["Decimal(60, 10)", "1.5"],
      fs: ["FixedString(8)", "'ab'"],
      e: ["Enum8('a' = 1, 'b' = 2)", "'a'"],
      arr: ["Array(String)", "['x']"],
      m: ["Map(String, UInt8)", "map('k', 1)"],
      tu: ["Tuple(x String, y Nullable(UInt8))", "('z', null)"],
      ip: ["IPv6", "'::1'"],
      f: ["Float64", "nan"],
      j: ["JSON", `'{"a": 1}'`],
      "a'b": ["Nullable(String)", "null"],
      request: ["String", "'r'"],
      value: ["String", "'v'"],
      hash: ["String", "'h'"],
      t0: ["String", "'0'"],
      q0: ["String", "'q'"],
      v0: ["String", "'w'"],
    };
    const names = Object.keys(types).map((name) => `\`${name}\``);
    const columns = Object.entries(types).map(([name, [type]]) => `\`${name}\` ${type}`);
    const kept = Object.keys(types).map((name) => `      ${JSON.stringify(name)}: keep\n`);
    const moments = "      born: { truncate: year }\n      seen: { truncate: month }\n";
    night = await openColumns({
      columns: webPolicy.replace("      amount: keep\n", `      amount: keep\n${kept.join("")}${moments}`),
      columnTables: [
        ...webTables
          .slice(0, 4)
          .map((statement) =>
            statement.replace(
              "amount Decimal(12, 2)",
              `amount Decimal(12, 2), born Date32, seen DateTime64(3, 'UTC'), ${columns.join(", ")}`,
            ),
          ),
        `insert into web.events (user_id, email, at, country, amount, born, seen, ${names.join(", ")})
          select number % 9 + 1, concat('p', toString(number % 9 + 1), '@shop.example'), toDateTime('2026-01-15 12:00:00', 'UTC') + number * 3600, 'DE', 1,
          ['1955-05-17', '2201-05-17'][number % 2 + 1], ['1932-03-04 10:00:00.123', '2180-03-04 10:00:00.123'][number % 2 + 1], ${Object.values(
            types,
          )
            .map(([, value]) => value)
            .join(", ")} from numbers(900)`,
      ],
    });
    const sums = `select count() as rows, toString(sum(sipHash64(formatRow('RowBinary', ${names.join(", ")})))) as hash from web.events`;
    const before = await night.columns(sums);
    await night.ask(...three);
    await night.nightly();
    expect((await night.requests()).map(({ state }) => state)).toEqual(["completed", "completed", "completed"]);
    expect(await night.columns(sums)).toEqual(before);
    expect(
      await night.columns(
        "select toString(born) as born, toString(seen) as seen, count() as rows from web.events where user_id is null group by 1, 2 order by 1",
      ),
    ).toEqual([
      { born: "1955-01-01", seen: "1932-02-29 23:00:00.000", rows: 150 },
      { born: "2201-01-01", seen: "2180-02-29 23:00:00.000", rows: 150 },
    ]);
  });

  test("stops the one person with a value that the rule cannot make anything of", async () => {
    night = await openColumns({
      columns: noGate
        .replace("amount: keep", "amount: keep\n      code: { band: { width: 10 } }")
        .replace("conserve: [count, sum(amount)]", "conserve: [count]"),
      columnTables: webTables.map((statement) =>
        statement
          .replace("amount Decimal(12, 2)", "amount Decimal(12, 2), code Int64")
          .replace("number / 4 from numbers(900)", "number / 4, number from numbers(900)"),
      ),
    });
    const least = "-9223372036854775808";
    await night.run(`insert into web.events values (1, 'p1@shop.example', '2026-01-20 10:00:00', 'DE', 1, ${least})`);
    await night.ask(...three);
    await night.nightly();
    expect((await night.requests()).map(({ state, code }) => [state, code])).toEqual([
      ["failed", "CONSTRAINT_VIOLATED"],
      ["completed", null],
      ["completed", null],
    ]);
  });
});
