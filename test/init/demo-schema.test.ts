import { Temporal } from "temporal-polyfill";
import { expect, it } from "vitest";
import { readCatalog } from "#catalog/read.ts";
import { withClient } from "#db/pool.ts";
import { afterLoadSql, partitionsSql, schemaSql } from "#demo/schema.ts";
import { draftPolicy } from "#init/draft.ts";
import { grantsFor } from "#init/grants.ts";
import { renderPolicy } from "#init/render-policy.ts";
import { findingsOf } from "#plan/findings.ts";
import { parsePolicy } from "#policy/parse.ts";
import { createDatabase } from "#test/support/database.ts";

it("the draft for a schema with partitions, triggers, views and undeclared relations has nothing that a plan refuses but a citation that Lethe does not know", async () => {
  const partitions = partitionsSql(Temporal.PlainDate.from("2026-11-02"), 1);
  const database = await createDatabase(schemaSql + partitions + afterLoadSql);
  try {
    const catalog = await withClient(database.pool, (client) =>
      readCatalog(client, { store: "shop", schemas: ["public"] }),
    );
    const draft = draftPolicy({
      name: "shop",
      database: "shop",
      country: "DE",
      today: "2026-11-02",
      statute: undefined,
      catalog,
      samples: new Map(),
      subjectTable: undefined,
    });
    const policy = parsePolicy("shop.yaml", renderPolicy(draft));
    expect(findingsOf(policy, catalog).map(({ message }) => message)).toEqual([
      "class voucher has no citation: nothing is retained without one",
    ]);
    expect(policy.links.map(({ from, to }) => `${from.table}.${from.column} -> ${to.column}`)).toEqual(
      expect.arrayContaining([
        "analytics_events.customer_id -> id",
        "audit_log.row_id -> id",
        "sessions.user_ref -> external_id",
      ]),
    );
    const grants = grantsFor(policy, catalog, "eraser", "shop");
    expect(grants).toContain("grant maintain on public.customer_lifetime_value to eraser;");
    expect(grants).toContain("grant maintain on public.analytics_events_2026_11 to eraser;");
    expect(grants.filter((grant) => /insert/.test(grant))).toEqual([
      "grant insert, update on public.address_history to eraser;  -- a trigger writes into it",
      "grant insert, update on public.audit_log to eraser;  -- a trigger writes into it",
    ]);
    expect(grantsFor(policy, { ...catalog, serverVersion: 160_004 }, "eraser", "shop")).toContainEqual(
      expect.stringMatching(/^create or replace function lethe.refresh_view\(target regclass\)/),
    );
  } finally {
    await database.drop();
  }
});
