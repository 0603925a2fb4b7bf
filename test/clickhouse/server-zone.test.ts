import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { startClickHouse, type ClickHouseServer } from "#test/clickhouse/server.ts";
import { noGate, three } from "#test/clickhouse/web.ts";

let night: ColumnsNight;
let server: ClickHouseServer;
let home: string;

afterEach(async () => {
  await night.dispose();
  await server.kill();
  await rm(home, { recursive: true, force: true });
});

/** Around midnight in Auckland, which is noon in Greenwich of the day before. */
const moments = "toDateTime('2025-12-31 10:30:00', 'UTC') + number * 600";

describe.skipIf(!inProcess)("on a server of ClickHouse whose clocks are not Greenwich's", () => {
  test("rows of moments without a zone stay in the partition in which the application looks for them", async () => {
    home = await mkdtemp(join(tmpdir(), "lethe-clickhouse-"));
    server = await startClickHouse(join(home, "data"), "web", "Pacific/Auckland");
    night = await openColumns({
      columns: noGate.replace("at: { truncate: month }", "at: keep"),
      columnsUrl: server.url.replace(/\/web$/, ""),
      columnTables: [
        "create database web",
        `create table web.events (user_id Nullable(UInt32), email String, at DateTime, country String, amount Decimal(12, 2))
          engine = MergeTree partition by toDate(at) order by (toStartOfHour(at), country)`,
        "create table web.pageviews (visitor UInt32, url String) engine = MergeTree order by visitor",
        "create table web.plans (name String) engine = MergeTree order by name",
        `insert into web.events select number % 9 + 1, concat('p', toString(number % 9 + 1), '@shop.example'), ${moments}, 'DE', 1 from numbers(18)`,
      ],
    });
    const days = () =>
      night.columns("select toDate(at) as day, count() as rows from web.events group by day order by day");
    const before = [
      { day: "2025-12-31", rows: 3 },
      { day: "2026-01-01", rows: 15 },
    ];
    expect(await days()).toEqual(before);
    await night.ask(...three);
    await night.nightly();
    expect(await night.states()).toEqual(["completed", "completed", "completed"]);
    expect(await days()).toEqual(before);
    expect(await night.columns("select _partition_id as day, count() as rows from web.events group by day")).toEqual(
      expect.arrayContaining(before.map(({ day, rows }) => ({ day: day.replaceAll("-", ""), rows }))),
    );
    // Found by the partition and by the sorting key.
    expect(await night.columns("select count() as rows from web.events where toDate(at) = '2026-01-01'")).toEqual([
      { rows: 15 },
    ]);
  });
});
