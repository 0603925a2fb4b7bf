import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { noGate, webPolicy, webTables, three } from "#test/clickhouse/web.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

const done = ["completed", "completed", "completed"];

describe.skipIf(!inProcess)("a table of ClickHouse is rewritten", () => {
  test.each([
    ["value", "form", "period"],
    ["request", "found", "t0"],
    ["q0", "v0", "size"],
    ["hash", "name", "mine"],
  ])("although its columns are called %s, %s and %s, as something of ours might be", async (key, email, at) => {
    const renamed = (text: string): string =>
      text
        .replaceAll(/\buser_id\b/g, key)
        .replaceAll(/\bemail\b/g, email)
        .replaceAll(/\bat\b/g, at);
    const measured = webPolicy.replace("k: 3", "k: 3\n    sensitive: [amount]\n    l: 2");
    night = await openColumns({
      columns: renamed(measured).replace(/identifiers: \{ \w+: /, "identifiers: { email: "),
      columnTables: webTables.map(renamed),
    });
    await night.ask(...three);
    await night.nightly();
    expect(await night.states()).toEqual(done);
    expect(await night.columns(`select count() as rows from web.events where \`${key}\` is null`)).toEqual([
      { rows: 300 },
    ]);
  });

  test("although its name has quotes in it", async () => {
    const odd = "page-vi'e\"ws`x";
    night = await openColumns({
      columns: noGate
        .replace("['pageviews.visitor -> events.user_id']", () => JSON.stringify([`${odd}.visitor -> events.user_id`]))
        .replace("  pageviews:", () => `  ${JSON.stringify(odd)}:`),
      columnTables: webTables.map((text) =>
        text.replaceAll("web.pageviews", () => `web.\`${odd.replace("`", "\\`")}\``),
      ),
    });
    await night.ask(...three);
    await night.nightly();
    expect(await night.states()).toEqual(done);
  });
});

const number = "number % 9 + 1";

describe.skipIf(!inProcess)("people of ClickHouse are told apart by keys of type", () => {
  test.each([
    ["UUID", `toUUID(concat('00000000-0000-4000-8000-00000000000', toString(${number})))`],
    ["LowCardinality(String)", `concat('K', toString(${number}))`],
    ["FixedString(6)", `concat('K', toString(${number}))`],
    ["Int128", "toInt128('-170141183460469231731687303715884105728') + number % 9"],
    ["DateTime64(3, 'UTC')", "toDateTime64('2020-01-01 00:00:00.001', 3, 'UTC') + number % 9"],
  ])("%s", async (type, key) => {
    const nullable = type.startsWith("Low") ? "LowCardinality(Nullable(String))" : `Nullable(${type})`;
    night = await openColumns({
      columns: noGate,
      columnTables: webTables.map((text) =>
        text
          .replace("user_id Nullable(UInt32)", `user_id ${nullable}`)
          .replace("visitor UInt32", `visitor ${type}`)
          .replace(`select ${number},`, () => `select ${key},`),
      ),
    });
    await night.ask(...three);
    await night.nightly();
    expect(await night.states()).toEqual(done);
    expect(await night.columns("select count() as rows, countIf(user_id is null) as nobodys from web.events")).toEqual([
      { rows: 900, nobodys: 300 },
    ]);
    expect(await night.columns("select count() as rows from web.pageviews")).toEqual([{ rows: 60 }]);
  });
});
