import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

const files = (text: string): string => {
  try {
    return execFileSync("grep", ["-rlF", text, join(night.directory, "clickhouse")]).toString();
  } catch {
    return "";
  }
};

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
    for (const name of ["p1@shop", "p2@shop", "p4@shop"]) expect(files(name)).toBe("");
    expect(files("p3@shop")).not.toBe("");
    expect(await night.columns("select name from system.tables where database = 'web' order by name")).toEqual([
      { name: "events" },
      { name: "pageviews" },
      { name: "plans" },
    ]);
  });
});
