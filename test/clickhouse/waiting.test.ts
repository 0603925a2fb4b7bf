import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { Context } from "#context.ts";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { beforeStatement, dieBefore, leftOver } from "#test/clickhouse/meddling.ts";
import { noGate } from "#test/clickhouse/web.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

const rowsOf = async (user: number): Promise<number> => {
  const [row] = await night.columns<{ rows: number }>(`select count() as rows from web.events where user_id = ${user}`);
  return row?.rows ?? 0;
};

describe.skipIf(!inProcess)("a night that works in ClickHouse", () => {
  test("ends when it is asked to while the server does not rewrite, and goes on when it does", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask({ email: "p1@shop.example" });
    await night.run("system stop merges web.events");
    const stop = new AbortController();
    beforeStatement(night, /`events` delete where/, async () => void sleep(300).then(() => stop.abort()));
    await expect(night.nightly({ ...night.context, signal: stop.signal })).rejects.toMatchObject({
      code: "RUN_STOPPED",
    });
    await night.run("system start merges web.events");
    await night.nightly();
    expect(await night.states()).toEqual(["completed"]);
    expect(await rowsOf(1)).toBe(0);
    expect(await night.columns("select count() as rows from web.events")).toEqual([{ rows: 900 }]);
  });

  test("waits no longer than the configuration says", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask({ email: "p1@shop.example" });
    await night.run("system stop merges web.events");
    const columnStores = night.context.columnStores.map((store) => ({
      ...store,
      config: { ...store.config, partsTimeoutMs: 500 },
    }));
    const hurried: Context = { ...night.context, columnStores };
    await expect(night.nightly(hurried)).rejects.toMatchObject({ code: "DATABASE_FAILED" });
    await night.run("system start merges web.events");
    await night.nightly();
    expect(await night.states()).toEqual(["completed"]);
  });

  test("does not touch those whom a store that is down would give a time of grace", async () => {
    night = await openColumns({ columns: noGate, sections: "deletion: { mode: scheduled, grace: P7D }" });
    await night.ask({ email: "p1@shop.example" });
    await night.store.query("alter table customers rename to gone");
    await night.nightly().catch(() => undefined);
    expect(await rowsOf(1)).toBe(100);
    await night.store.query("alter table gone rename to customers");
    await night.nightly();
    expect(await night.states()).toEqual(["scheduled"]);
    expect(await rowsOf(1)).toBe(100);
    await night.nightly(night.at("2026-11-10T02:00:00Z"));
    expect(await rowsOf(1)).toBe(0);
  });

  test("leaves alone what another store has half done", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask({ email: "p1@shop.example" });
    dieBefore(night, / move partition /);
    await expect(night.nightly()).rejects.toThrow("died");
    await night.state.query("update lethe.batch set store = 'elsewhere' where store = 'events'");
    await night.state.query("update lethe.column_batch set store = 'elsewhere'");
    const before = await leftOver(night);
    expect(before).not.toEqual([]);
    await night.nightly();
    expect(await leftOver(night)).toEqual(before);
    expect(await night.state.query("select state from lethe.batch where store = 'elsewhere'")).toEqual([
      { state: "frozen" },
    ]);
  });

  test("asks for another approval when a view or a TTL came that nobody has approved", async () => {
    night = await openColumns({ columns: noGate });
    await night.ask({ email: "p1@shop.example" });
    await night.run(
      "alter table web.events modify ttl at + interval 20 year settings materialize_ttl_after_modify = 0",
    );
    await night.nightly();
    expect(await night.states()).toEqual(["verified PLAN_CHANGED"]);
    await night.run(
      "create database other",
      "create table other.copy (email String) engine = MergeTree order by email",
      "create materialized view web.copied to other.copy as select email from web.events",
    );
    await expect(night.nightly()).rejects.toMatchObject({ code: "STORE_UNSUPPORTED" });
    expect(await rowsOf(1)).toBe(100);
  });
});
