import { afterEach, expect, test } from "vitest";
import type { Store } from "#context.ts";
import { closePool, openPool } from "#db/pool.ts";
import { parsePolicy } from "#policy/parse.ts";
import { openNight, policyText, withRequests, type Night } from "#test/execute/night.ts";
import { createDatabase } from "#test/support/database.ts";

let night: Night;
afterEach(() => night.dispose());

test("records that stay in another store, or on purpose, are a reason not to call a table anonymous", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      create table visits (id int primary key, customer_id int references customers, city text);
      create table letters (id int primary key, customer_id int references customers, to_whom text);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 2) n;
      insert into visits select n, n, 'Kiel' from generate_series(1, 2) n`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null } } }
letters: { treatment: keep, reason: sent, personal: [to_whom] }
visits: { treatment: anonymise, quasi: [city], k: 2, columns: { customer_id: { set: null }, city: keep } }`,
  });
  const billing = await createDatabase(`create table payers (id int primary key, email text);
    create table invoices (id int primary key, payer_id int references payers, city text, issued_on date)`);
  const [shop] = night.context.stores as [Store];
  const second: Store = {
    name: "billing",
    pool: openPool({ url: billing.url, applicationName: "test", label: "billing", connectTimeoutMs: 500 }),
    policy: parsePolicy(
      "billing.yaml",
      policyText({
        subject: "{ table: payers, key: id, identifiers: { email: email } }",
        tables: `
payers: { treatment: anonymise, columns: { email: { set: null } } }
invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { payer_id: keep, city: keep, issued_on: keep } }`,
      }),
    ),
    config: { ...shop.config, name: "billing" },
  };
  try {
    const both = withRequests({ ...night, context: { ...night.context, stores: [shop, second] } });
    await both.ask({ email: "p1@shop.example" }, { email: "p2@shop.example" });
    await both.nightly();
    expect(
      await night.state.query(
        "select table_name, more -> 'notCompared' as beside, more -> 'reasons' as reasons from lethe.anonymity",
      ),
    ).toEqual([{ table_name: "visits", beside: ["letters", "billing: invoices"], reasons: ["not-compared"] }]);
  } finally {
    await closePool(second.pool);
    await billing.drop();
  }
});
