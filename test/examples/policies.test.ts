import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { afterEach, expect, test } from "vitest";
import { afterLoadSql, partitionsSql, schemaSql } from "#demo/schema.ts";
import { checkPolicies } from "#policy-check.ts";
import { repository } from "#test/support/cli.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

const schema = schemaSql + partitionsSql(Temporal.PlainDate.from("2026-11-02"), 12) + afterLoadSql;
const policies = readdirSync(join(repository, "policies")).filter(
  (name) => name.endsWith(".yaml") && name !== "retention-classes.yaml" && name !== "deadlines.yaml",
);

let opened: TestContext;
afterEach(() => opened.dispose());

test.each(policies)("every example of policies/%s holds on the sample company's schema", async (name) => {
  opened = await testContext({ schema, policy: readFileSync(join(repository, "policies", name), "utf8") });
  const [check] = await checkPolicies(opened.context);
  expect(check?.findings).toEqual([]);
  expect(check?.examples.run).toBeGreaterThanOrEqual(3);
  expect(check?.examples.held).toBe(check?.examples.run);
});
