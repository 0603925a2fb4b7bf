import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCatalog } from "#catalog/read.ts";
import { withClient } from "#db/pool.ts";
import { calendar } from "#demo/calendar.ts";
import { generateCompany, type Company } from "#demo/generate.ts";
import { loadCompany } from "#demo/load.ts";
import { systemClock } from "#lib/clock.ts";
import { shapeOf } from "#plan/shape.ts";
import { holderIn } from "#test/policy/holder.ts";
import { loadPolicy } from "#policy/load.ts";
import { repository } from "#test/support/cli.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

const days = calendar(systemClock, "Europe/Berlin");
let database: TestDatabase;
let company: Company;

beforeAll(async () => {
  company = generateCompany({ seed: 7, customers: 200, days });
  database = await createDatabase();
  await loadCompany(database.pool, company, days);
});
afterAll(() => database.drop());

describe("the sample company in PostgreSQL", () => {
  it("holds every row that was generated", async () => {
    for (const [table, rows] of company.tables) {
      const [found] = await database.query<{ rows: number }>(`select count(*) as rows from ${table}`);
      expect([table, found?.rows]).toEqual([table, rows.length]);
    }
  });

  it("goes on counting after the rows that came with their keys", async () => {
    await database.query("insert into addresses (city, country, line1) values ('Kiel', 'DE', 'Hafen 1')");
    const [found] = await database.query<{ id: number }>("select max(id) as id from addresses");
    expect(found?.id).toBe((company.tables.get("addresses")?.length ?? 0) + 1);
  });

  it("has a partition for an event of this moment, and none takes what is out of range", async () => {
    const insert = (at: string) =>
      database.query("insert into analytics_events (occurred_at, event, plan) values ($1, 'login', 'Pro')", [at]);
    await insert(Temporal.Now.instant().toString());
    await expect(insert("1999-01-01T00:00:00Z")).rejects.toMatchObject({ code: "23514" });
  });
});

describe("the sample policy", () => {
  it("covers the sample company and contradicts nothing", async () => {
    const policy = await loadPolicy(join(repository, "policies/juicyway.yaml"), holderIn("DE"));
    const catalog = await withClient(database.pool, (client) =>
      readCatalog(client, { store: "shop", schemas: ["public"] }),
    );
    const shape = shapeOf(policy, catalog);
    expect(shape.refresh).toEqual(["customer_lifetime_value"]);
    expect(shape.effects.map(({ table, effect }) => `${effect} ${table}`)).toEqual([
      "trigger audit_log",
      "trigger address_history",
    ]);
    const treated = shape.steps.map(({ table }) => table);
    expect(treated.indexOf("audit_log")).toBeGreaterThan(treated.indexOf("customers"));
    expect(treated.indexOf("address_history")).toBeGreaterThan(treated.indexOf("addresses"));
  });

  it("has a rule for every table of the company", async () => {
    const policy = await loadPolicy(join(repository, "policies/juicyway.yaml"), holderIn("DE"));
    const expected = [...company.tables.keys(), "audit_log", "address_history"].toSorted();
    expect(Object.keys(policy.tables).toSorted()).toEqual(expected);
  });
});
