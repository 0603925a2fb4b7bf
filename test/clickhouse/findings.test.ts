import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { columnFindings } from "#clickhouse/findings.ts";
import { readColumnCatalog, type ColumnCatalog } from "#clickhouse/read-catalog.ts";
import { parsePolicy } from "#policy/parse.ts";
import { inProcess } from "#test/clickhouse/columns-night.ts";
import { openStore } from "#test/clickhouse/columns-store.ts";
import { repository } from "#test/support/cli.ts";
import { webPolicy, webTables } from "#test/clickhouse/web.ts";

describe.skipIf(!inProcess)("a policy for a store of ClickHouse", () => {
  let store: Awaited<ReturnType<typeof openStore>>;
  let catalog: ColumnCatalog;
  beforeAll(async () => {
    store = await openStore();
    for (const statement of webTables.slice(1)) await store.client.run(statement);
    await store.client.run(
      "create table web.latest (user_id UInt32, plan Nullable(String)) engine = ReplacingMergeTree order by user_id",
    );
    await store.client.run("create view web.shown as select * from web.events");
    catalog = await readColumnCatalog({ name: "events", client: store.client });
  });
  afterAll(() => store.dispose());

  const latest = "\n  latest: { treatment: erase }\n";
  const whole = webPolicy
    .replace("links: [", "links: ['latest.user_id -> events.user_id', ")
    .replace("\ntables:\n", `\ntables:${latest}`);
  const found = (text: string) =>
    columnFindings(parsePolicy("web.yaml", text), catalog).map(({ code, message }) => `${code} ${message}`);

  test("that treats every table fits", () => {
    expect(found(whole)).toEqual([]);
  });

  test("as the README shows it fits", async () => {
    const readme = await readFile(join(repository, "README.md"), "utf8");
    const [, text = ""] = /```yaml\n(policy: events\n[\s\S]*?)```/.exec(readme) ?? [];
    expect(found(text)).toEqual(["POLICY_TABLE_UNCOVERED table latest has no rule"]);
  });

  test("leaves no table out, since nothing declares who is in it", () => {
    expect(found(whole.replace(latest, "\n"))).toEqual(["POLICY_TABLE_UNCOVERED table latest has no rule"]);
  });

  test.each([
    [
      "what the law retains",
      "pageviews: { treatment: erase }",
      "pageviews: { treatment: retain, class: v, clock: url, columns: { url: keep } }",
      "retains no records",
    ],
    [
      "rows that become equal",
      latest,
      "\n  latest: { treatment: anonymise, columns: { user_id: { set: 0 }, plan: keep } }\n",
      "take rows for one that are equal",
    ],
    [
      "a column that is redacted",
      "email: { set: '' }",
      "email: { redact: identifiers }",
      "{redact} is not done in ClickHouse",
    ],
    ["an attack", "k: 3", "k: 3\n    attack: [{ knows: pageviews, by: { email: url } }]", "no attack is tried"],
    ["a time of grace", "tables:", "deletion: { mode: scheduled, grace: P1D }\ntables:", "deletes at once"],
    ["null where none may be", "email: { set: '' }", "email: { set: null }", "null into a NOT NULL column"],
    ["a table that is not there", "plans:", "plan:", "table plans has no rule"],
    [
      "no way to the person",
      "links: ['latest.user_id -> events.user_id', 'pageviews.visitor -> events.user_id']",
      "links: ['latest.user_id -> events.user_id']",
      "no reference leads from events to pageviews",
    ],
    ["two people in a row", "links: [", "links: ['pageviews.url -> events.email', ", "may belong to several people"],
  ])("is refused for %s", (_, from, to, expected) => {
    const classes = "classes: { v: { basis: none, period: P1Y, anchor: event } }\ntables:";
    expect(whole).toContain(from);
    const changed = whole.replace(from, to);
    const messages = found(to.includes("class: v") ? changed.replace("tables:", classes) : changed);
    expect(messages.join("\n")).toContain(expected);
  });
});
