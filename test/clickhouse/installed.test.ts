import { expect, test } from "vitest";
import { inProcess } from "#test/clickhouse/columns-night.ts";

test("ClickHouse is there to be tried, or all tests of it are skipped", (context) => {
  if (!inProcess) context.skip("chdb is not installed: npm install --no-save chdb@3.4.0");
  expect(inProcess).toBe(true);
});
