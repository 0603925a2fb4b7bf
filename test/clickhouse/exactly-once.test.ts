import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { beforeStatement, dieBefore, leftOver, restart } from "#test/clickhouse/meddling.ts";
import { noGate, webPolicy, webTables, three } from "#test/clickhouse/web.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

const all = { rows: 900, amount: "101137.5" };

const done = ["completed", "completed", "completed"];

/** What a server leaves that dies after it has put rows into their table, and before it has forgotten them where they came from. */
const dieWhileMoving = (then: (staged: string) => Promise<void>): void =>
  beforeStatement(night, / move partition /, async ({ partition }) => {
    const [staged = ""] = await leftOver(night, "staged");
    await night.run(`alter table web.events attach partition id '${String(partition)}' from web.${staged}`);
    await then(staged);
    throw new Error("died");
  });

describe.skipIf(!inProcess)("rows that ClickHouse keeps as nobody's are there once", () => {
  test("although those of another night said the same", async () => {
    const same = (people: string): string =>
      `insert into web.events select n, concat('p', toString(n), '@shop.example'), '2026-01-15 12:00:00', 'DE', 5 from (select arrayJoin([${people}]) as n)`;
    night = await openColumns({
      columns: webPolicy.replace("k: 3", "k: 2"),
      columnTables: [...webTables.slice(0, 4), same("1, 2, 3, 4")],
    });
    await night.ask(...["p1", "p2"].map((name) => ({ email: `${name}@shop.example` })));
    await night.nightly();
    expect(await night.events()).toEqual({ rows: 4, amount: "20", nobodys: 2 });
    await night.ask(...["p3", "p4"].map((name) => ({ email: `${name}@shop.example` })));
    await night.nightly();
    expect(await night.events()).toEqual({ rows: 4, amount: "20", nobodys: 4 });
  });

  test("in a table of more partitions than one insert may have", async () => {
    night = await openColumns({
      columns: noGate.replace("at: { truncate: month }", "at: { truncate: day }"),
      columnTables: [
        ...webTables.slice(0, 4).map((statement) => statement.replace("toYYYYMM(at)", "toYYYYMMDD(at)")),
        "insert into web.events select 1, 'p1@shop.example', toDateTime('2026-01-15 12:00:00') + number * 86400, 'DE', 5 from numbers(101) settings max_partitions_per_insert_block = 0",
      ],
    });
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    expect(await night.events()).toEqual({ rows: 101, amount: "505", nobodys: 101 });
    expect(await night.states()).toEqual(["completed"]);
  });

  test.each([
    ["and the parts are as they were", () => Promise.resolve()],
    ["and those that were to be moved are merged", (staged: string) => night.run(`optimize table web.${staged} final`)],
  ])("when the server died while it moved them, %s", async (_, then) => {
    night = await openColumns({ columns: noGate });
    await night.ask(...three);
    dieWhileMoving(then);
    await expect(night.nightly()).rejects.toThrow("died");
    expect(await night.events()).not.toMatchObject(all);
    await restart(night);
    await night.nightly();
    expect(await night.events()).toEqual({ ...all, nobodys: 300 });
    expect(await night.states()).toEqual(done);
    expect(await leftOver(night)).toEqual([]);
  });

  test.each([
    ["merges", () => night.run("optimize table web.events final")],
    [
      "changes",
      () => night.run("alter table web.events update amount = amount + 0 where 1 settings mutations_sync = 2"),
    ],
  ])("or nothing is touched where the server %s them before anybody can tell that they are", async (_, then) => {
    night = await openColumns({ columns: noGate });
    await night.ask(...three);
    dieWhileMoving(then);
    await expect(night.nightly()).rejects.toThrow("died");
    await restart(night);
    const before = await night.events();
    await expect(night.nightly()).rejects.toMatchObject({ code: "COLUMNS_UNDECIDED" });
    expect(await night.events()).toEqual(before);
    const [staged = ""] = await leftOver(night, "staged");
    // As the hint says.
    await night.run(`alter table web.${staged} drop partition id '202512'`);
    await night.nightly();
    expect(await night.events()).toEqual({ ...all, nobodys: 300 });
    expect(await night.states()).toEqual(done);
  });

  test("when the server was started anew and had moved nothing", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask(...three);
    dieBefore(night, / move partition /);
    await expect(night.nightly()).rejects.toThrow("died");
    await restart(night);
    await night.run("optimize table web.events final");
    await night.nightly();
    expect(await night.events()).toEqual({ ...all, nobodys: 300 });
  });
});
