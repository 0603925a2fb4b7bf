import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { forecast } from "#forecast.ts";
import { checkPolicies } from "#policy-check.ts";
import { grantsOfStores } from "#policy-grants.ts";
import { three, webState } from "#test/clickhouse/web.ts";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

/** Who go along, so that nobody is alone. */
const company = [2, 4, 5].map((n) => ({ email: `p${n}@shop.example` }));

describe.skipIf(!inProcess)("a store of ClickHouse", () => {
  test("is erased with the others: the totals stay, and of the people nothing is in any file", async () => {
    night = await openColumns();
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
    for (const name of ["p1@shop", "p2@shop", "p4@shop"]) expect(night.filesWith(name)).toBe("");
    expect(night.filesWith("p3@shop")).not.toBe("");
    expect(await night.columns("select name from system.tables where database = 'web' order by name")).toEqual([
      { name: "events" },
      { name: "pageviews" },
      { name: "plans" },
    ]);
  });

  test("tells what it measured before and after, and why the rows are not called anonymous", async () => {
    night = await openColumns();
    await night.ask(...three);
    const { report } = await night.nightly();
    const document = JSON.parse(await readFile(join(report ?? "", "report.json"), "utf8")) as {
      analytics: { anonymity: unknown[]; conserved: unknown[] };
    };
    expect(document.analytics.anonymity).toMatchObject([
      {
        store: "events",
        table: "events",
        threshold: 3,
        rows: 900,
        touched: 300,
        before: { rows: 900 },
        known: 600,
        attacks: [],
        stays: [],
        unmeasured: ["amount"],
        notCompared: [],
        label: "de-identified",
        reasons: ["small-classes", "known-rows", "unmeasured-columns", "backups-unknown"],
      },
    ]);
    for (const said of [JSON.stringify(document), night.logged()]) expect(said).not.toMatch(/p\d@shop/);
  });

  test("finds by what its own rows say whom no other store knows, and stops who might be two", async () => {
    night = await openColumns();
    await night.run(
      "insert into web.events select 100, 'only@web.example', '2026-01-20 10:00:00', 'DE', 1 from numbers(3)",
      "insert into web.events select 100 + number, 'two@web.example', '2026-01-20 10:00:00', 'DE', 1 from numbers(1, 2)",
    );
    const refs = await night.ask({ email: "only@web.example" }, { email: "two@web.example" }, ...company);
    await night.nightly();
    expect(await night.requests(...refs)).toMatchObject([
      { state: "completed" },
      { state: "blocked", code: "SUBJECT_AMBIGUOUS", detail: { store: "events", rows: 2 } },
      { state: "completed" },
      { state: "completed" },
      { state: "completed" },
    ]);
    expect(await night.columns("select user_id from web.events where user_id >= 100 order by user_id")).toEqual([
      { user_id: 101 },
      { user_id: 102 },
    ]);
  });

  test("lets wait who would be alone in a class, with the numbers and before anything changes, and the others go", async () => {
    night = await openColumns();
    await night.run("insert into web.events values (1, 'p1@shop.example', '2020-05-05 10:00:00', 'FR', 7)");
    const refs = await night.ask({ email: "p1@shop.example" }, ...company);
    expect(await night.nightly()).toMatchObject({ outcome: "attention", requests: { done: 3, failed: 1 } });
    expect(await night.requests(...refs)).toMatchObject([
      {
        state: "failed",
        code: "ANONYMITY_BELOW",
        detail: { store: "events", table: "events", rows: 1, measured: { k: 1 } },
      },
      { state: "completed" },
      { state: "completed" },
      { state: "completed" },
    ]);
    expect(await night.columns("select count() as rows from web.events where user_id = 1")).toEqual([{ rows: 101 }]);
    expect(await night.columns("select count() as rows from web.pageviews where visitor = 1")).toEqual([{ rows: 10 }]);
  });

  test("finds what somebody has written about the person meanwhile", async () => {
    night = await openColumns();
    const [ref = ""] = await night.ask({ email: "p1@shop.example" }, ...company);
    await night.erase();
    await night.run("insert into web.events values (1, '', '2026-01-20 10:00:00', 'FR', 7)");
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([
      { state: "failed", code: "RESIDUAL", detail: { store: "events", table: "events", column: "user_id", rows: 1 } },
    ]);
  });

  test("declares nobody erased while parts that nothing searches may hold them", async () => {
    night = await openColumns();
    const [ref = ""] = await night.ask({ email: "p1@shop.example" }, ...company);
    await night.run("alter table web.events detach partition 202602");
    await expect(night.nightly()).rejects.toMatchObject({ code: "PARTS_REMAIN" });
    expect(await night.requests(ref)).toMatchObject([{ state: "erasing" }]);
    await night.run("alter table web.events drop detached partition 202602 settings allow_drop_detached = 1");
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "completed" }]);
  });

  test("asks for another approval when its tables are not what they were", async () => {
    night = await openColumns();
    const [ref = ""] = await night.ask({ email: "p1@shop.example" });
    await night.run("alter table web.events modify column amount Decimal(14, 2)");
    await night.nightly();
    expect(await night.requests(ref)).toMatchObject([{ state: "verified", code: "PLAN_CHANGED" }]);
  });

  test("shows in a plan what would happen, and leaves no trace of having looked", async () => {
    night = await openColumns();
    await night.ask({ email: "p1@shop.example" });
    const before = await night.columns(webState);
    const [request] = await night.state.query<{ id: number; ref: string }>("select id, ref from lethe.request");
    const forecasts = await forecast(night.context, request === undefined ? [] : [request]);
    expect(forecasts.map(({ store, plan }) => [store, plan.rowSets.map(({ table, rows }) => [table, rows])])).toEqual([
      ["shop", [["customers", 1]]],
      [
        "events",
        [
          ["pageviews", 10],
          ["events", 100],
        ],
      ],
    ]);
    expect(await night.columns(webState)).toEqual(before);
  });

  test("prints grants that ClickHouse understands, and checks the policy", async () => {
    night = await openColumns();
    const [, events] = await grantsOfStores(night.context, "lethe");
    for (const grant of (events?.grants ?? []).filter((line) => !line.startsWith("--"))) {
      expect(await night.columns(`explain ast ${grant.replace(";", "")}`)).not.toEqual([]);
    }
    expect(await checkPolicies(night.context)).toMatchObject([
      { store: "shop", findings: [] },
      { store: "events", tables: { erase: 1, anonymise: 1, keep: 1 }, findings: [] },
    ]);
  });
});
