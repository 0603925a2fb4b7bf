import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { beforeStatement, dieBefore, leftOver } from "#test/clickhouse/meddling.ts";
import { noGate, webTables, three } from "#test/clickhouse/web.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

const written = "insert into web.events values (1, 'p1@shop.example', '2026-01-20 10:00:00', 'DE', 1000)";

const marked = (): Promise<readonly unknown[]> =>
  night.columns("select user_id, country from web.events where amount = 1000 order by user_id");

describe.skipIf(!inProcess)("what is written in ClickHouse while a night works on the rows", () => {
  test("while they are prepared goes with them: they are prepared once more", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask(...three);
    beforeStatement(night, /^insert into .*_staged_/, () => night.run(written));
    await night.nightly();
    expect(await marked()).toEqual([{ user_id: null, country: "Europe" }]);
    expect(await night.states()).toEqual(["completed", "completed", "completed"]);
    expect(await night.events()).toMatchObject({ rows: 901, amount: "102137.5" });
  });

  test("after that stays as it is, and is found", async () => {
    night = await openColumns({ columns: noGate });
    await night.run(written);
    await night.ask(...three);
    // As another row said before.
    beforeStatement(night, /`pageviews` delete where/, () => night.run(written));
    await night.nightly();
    expect(await marked()).toEqual([
      { user_id: 1, country: "DE" },
      { user_id: null, country: "Europe" },
    ]);
    expect(await night.states()).toEqual(["failed RESIDUAL", "completed", "completed"]);
    expect(await night.events()).toMatchObject({ rows: 902, amount: "103137.5" });
  });

  test("and what is deleted does not come back", async () => {
    night = await openColumns({ columns: noGate });
    await night.run(written);
    await night.ask(...three);
    const deleted = "alter table web.events delete where amount = 1000 settings mutations_sync = 2";
    beforeStatement(night, /`pageviews` delete where/, () => night.run(deleted));
    await night.nightly();
    expect(await marked()).toEqual([]);
    expect(await night.states()).toEqual(["completed", "completed", "completed"]);
  });
});

describe.skipIf(!inProcess)("a half-done batch in ClickHouse", () => {
  test("waits while the table has other columns than its rows, and goes on when it has them back", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask(...three);
    dieBefore(night, / move partition /);
    await expect(night.nightly()).rejects.toThrow("died");
    await night.run("alter table web.events add column referrer String default ''");
    await expect(night.nightly()).rejects.toMatchObject({ code: "COLUMNS_UNDECIDED" });
    await night.run("alter table web.events drop column referrer");
    await night.nightly();
    expect(await night.events()).toEqual({ rows: 900, amount: "101137.5", nobodys: 300 });
    expect(await night.states()).toEqual(["completed", "completed", "completed"]);
  });

  test("is prepared anew where its tables are gone and nothing was begun, and decided by nobody where something was", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask(...three);
    dieBefore(night, /`events` delete where/);
    await expect(night.nightly()).rejects.toThrow("died");
    await night.state.query("update lethe.column_batch set progress = null");
    for (const name of await leftOver(night)) await night.run(`drop table web.${name} sync`);
    dieBefore(night, / move partition /);
    await expect(night.nightly()).rejects.toThrow("died");
    expect(await night.events()).toMatchObject({ rows: 600 });
    const [staged = ""] = await leftOver(night, "staged");
    await night.run(`rename table web.${staged} to web.aside`);
    await expect(night.nightly()).rejects.toMatchObject({ code: "COLUMNS_UNDECIDED" });
    await night.run(`rename table web.aside to web.${staged}`);
    await night.nightly();
    expect(await night.events()).toEqual({ rows: 900, amount: "101137.5", nobodys: 300 });
    expect(await night.states()).toEqual(["completed", "completed", "completed"]);
  });

  test("of another Lethe is left alone, with the rows that it would put back", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask(...three);
    dieBefore(night, / move partition /);
    await expect(night.nightly()).rejects.toThrow("died");
    await night.state.query("create table aside as select * from lethe.column_batch");
    await night.state.query("update lethe.batch set state = 'abandoned' where store = 'events'");
    await night.state.query("delete from lethe.column_batch");
    const before = await leftOver(night);
    await expect(night.nightly()).rejects.toMatchObject({ code: "COLUMNS_UNDECIDED" });
    expect(await leftOver(night)).toEqual(before);
    await night.state.query("insert into lethe.column_batch select * from aside");
    await night.state.query("update lethe.batch set state = 'frozen' where store = 'events'");
    await night.nightly();
    expect(await night.events()).toEqual({ rows: 900, amount: "101137.5", nobodys: 300 });
  });

  test("puts back every row where the server keeps in mind what was inserted before", async () => {
    night = await openColumns({
      columns: noGate,
      columnTables: webTables.map((statement) =>
        statement.replace("order by (country, at) settings", "$&  non_replicated_deduplication_window = 100,"),
      ),
    });
    await night.run(
      "insert into web.events select * from web.events where user_id = 1 settings insert_deduplicate = 0",
    );
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    expect(await night.events()).toMatchObject({ rows: 1000, nobodys: 200 });
  });
});
