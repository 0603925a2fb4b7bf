import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { beforeQuestion, beforeStatement, leftOver } from "#test/clickhouse/meddling.ts";
import { noGate, webPolicy, webTables, three } from "#test/clickhouse/web.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

describe.skipIf(!inProcess)("of a person nothing is left in ClickHouse", () => {
  test("where somebody else's lightweight DELETE has hidden rows", async () => {
    night = await openColumns({
      columns: noGate,
      columnTables: [
        ...webTables,
        "delete from web.pageviews where visitor = 1",
        "delete from web.events where user_id = 1",
      ],
    });
    expect(night.filesWith("p1@shop.example")).not.toBe("");
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    expect(await night.states()).toEqual(["completed"]);
    expect(night.filesWith("p1@shop.example")).toBe("");
  });

  test("of which a patch of a lightweight UPDATE was on top", async () => {
    night = await openColumns({
      columns: noGate,
      columnTables: webTables.map((statement) =>
        statement.replace(
          "order by (country, at) settings",
          "$& enable_block_number_column = 1, enable_block_offset_column = 1,",
        ),
      ),
    });
    await night.run("update web.events set email = 'x' where user_id = 1");
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    expect(await night.states()).toEqual(["completed"]);
    expect(night.filesWith("p1@shop.example")).toBe("");
  });
});

describe.skipIf(!inProcess)("of Lethe's own tables", () => {
  test("none is left of people who wait for company", async () => {
    night = await openColumns({ columns: webPolicy.replace("k: 3", "k: 1000") });
    await night.ask(...three);
    await night.nightly();
    expect(await night.states()).toEqual(Array(3).fill("failed ANONYMITY_BELOW"));
    expect(await leftOver(night)).toEqual([]);
  });

  test("none is left of people who no longer ask", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask({ email: "p1@shop.example" });
    beforeStatement(
      night,
      /^insert into .*_staged_/,
      async () => void (await night.state.query("update lethe.request set state = 'withdrawn'")),
    );
    await night.nightly();
    expect(await leftOver(night)).toEqual([]);
    expect(await night.columns("select count() as rows from web.events where user_id = 1")).toEqual([{ rows: 100 }]);
  });

  test("those of a search that somebody empties fail it", async () => {
    night = await openColumns({
      columns: `${noGate}  later: { treatment: keep, reason: nothing about people }\n`,
      columnTables: [
        ...webTables,
        "create table web.later (note String) engine = MergeTree order by note",
        "insert into web.later values ('p1@shop.example')",
      ],
    });
    await night.ask({ email: "p1@shop.example" });
    beforeQuestion(night, /_sought/, async () => {
      const [sought = ""] = await leftOver(night, "sought");
      await night.run(`truncate table web.${sought}`);
    });
    await expect(night.nightly()).rejects.toMatchObject({ code: "DATABASE_FAILED" });
    expect(await leftOver(night)).toEqual([]);
    await night.nightly();
    expect(await night.states()).toEqual(["failed RESIDUAL"]);
  });

  test("none is what somebody else called lethe_history: it wants a rule, and stays", async () => {
    night = await openColumns({
      columns: `${noGate}  lethe_history: { treatment: keep, reason: nothing about people }\n`,
      columnTables: [
        ...webTables,
        "create table web.lethe_history (email String) engine = MergeTree order by email",
        "insert into web.lethe_history values ('p1@shop.example'), ('p9@shop.example')",
      ],
    });
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    expect(await night.states()).toEqual(["failed RESIDUAL"]);
    expect(await night.columns("select email from web.lethe_history")).toHaveLength(2);
  });
});

describe.skipIf(!inProcess)("what a TTL would take", () => {
  test("stays until the night is over, and the total is that of before", async () => {
    night = await openColumns({
      columns: noGate,
      columnTables: [
        ...webTables
          .slice(0, 4)
          .map((statement) =>
            statement.replace("(country, at) settings", "(country, at) ttl at + interval 10 month settings"),
          ),
        "insert into web.events select number % 9 + 1, concat('p', toString(number % 9 + 1), '@shop.example'), now() - interval 10 month + interval 3 day, 'DE', 1 from numbers(90)",
      ],
    });
    await night.ask(...three);
    await night.nightly();
    expect(await night.states()).toEqual(["completed", "completed", "completed"]);
    // Truncated to the month they are due at once; what the table does with them then is its own doing.
    expect(await night.state.query("select measure, equal as same from lethe.conserved_told order by 1")).toEqual([
      { measure: "count", same: true },
      { measure: "sum(amount)", same: true },
    ]);
  });
});
