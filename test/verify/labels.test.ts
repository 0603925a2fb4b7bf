import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterEach, expect, test } from "vitest";
import { copiesOf } from "#anonymity/copies.ts";
import type { Store } from "#context.ts";
import { closePool, openPool } from "#db/pool.ts";
import { parsePolicy } from "#policy/parse.ts";
import { openNight, policyText, withRequests, type Night } from "#test/execute/night.ts";
import { createDatabase } from "#test/support/database.ts";

let night: Night;
afterEach(() => night.dispose());

const two = [{ email: "p1@shop.example" }, { email: "p2@shop.example" }];
const labels = () =>
  night.state
    .query(`select table_name as table, more -> 'stays' as stays, more -> 'unmeasured' as unmeasured, more -> 'notCompared' as beside,
      more -> 'reasons' as reasons from lethe.anonymity order by measured_at, table_name`);

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
    await both.ask(...two);
    await both.nightly();
    expect(await labels()).toEqual([
      {
        table: "visits",
        stays: [],
        unmeasured: ["id"],
        beside: ["letters", "billing: invoices"],
        reasons: ["unmeasured-columns", "not-compared", "backups-unknown"],
      },
    ]);
  } finally {
    await closePool(second.pool);
    await billing.drop();
  }
});

const shop = (columns: string) => `create table customers (id int primary key, email text, since date);
  insert into customers select n, 'p' || n || '@shop.example', '2026-01-01' from generate_series(1, 2) n;
  create table visits (id int primary key, customer_id int references customers, city text, ${columns});`;

test("what a table keeps beside its quasi-identifiers is a reason: a name on purpose, a moment, a conserved amount, a number of the row", async () => {
  night = await openNight({
    schema: `${shop("seen timestamptz, spent numeric, age int, visitor text, note text")}
      insert into visits select n, n, 'Kiel', timestamptz '2026-01-02 12:34:56Z' + n * interval '1 s', n, 30 + n, 'v', 'Ada Lovelace ' || n from generate_series(1, 2) n;
      create table orders (id int primary key, customer_id int references customers, billing_name text);
      insert into orders select n, n, 'Ada Lovelace ' || n from generate_series(1, 2) n`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null }, since: { set: null } } }
orders: { treatment: anonymise, columns: { customer_id: { set: null }, billing_name: { stays: historic invoices } } }
visits:
  treatment: anonymise
  quasi: [city]
  k: 2
  sensitive: [age]
  l: 2
  conserve: [sum(spent)]
  clock: seen
  columns:
    { customer_id: { set: null }, city: keep, seen: { truncate: month }, spent: keep, age: keep, visitor: { unique: 'v-{random}' }, note: { stays: support reads it } }`,
  });
  await night.ask(...two);
  await night.nightly();
  expect(await labels()).toEqual([
    {
      table: "visits",
      stays: ["note"],
      unmeasured: ["id", "seen", "spent"],
      beside: ["orders"],
      reasons: ["stays", "unmeasured-columns", "not-compared", "backups-unknown"],
    },
  ]);
});

test("another anonymised table is a reason where its rows could be joined, until an attack compares it", async () => {
  const opened = (attack: string) =>
    openNight({
      schema: `${shop("page text")} insert into visits select n, n, 'Kiel', 'home' from generate_series(1, 2) n;
        create table sums (id int primary key, customer_id int references customers, total numeric);
        create table calls (id int primary key, customer_id int references customers, town text)`,
      tables: `
customers: { treatment: anonymise, columns: { email: { set: null }, since: keep } }
sums: { treatment: anonymise, columns: { customer_id: { set: null }, total: keep } }
calls: { treatment: anonymise, columns: { customer_id: { set: null }, town: keep } }
visits: { treatment: anonymise, quasi: [city, page], k: 2, ${attack}columns: { id: { rekey: random }, customer_id: { set: null }, city: keep, page: keep } }`,
    });
  night = await opened("");
  await night.ask(...two);
  await night.nightly();
  // Neither a date nor an amount can be compared with a city or a page.
  expect(await labels()).toMatchObject([
    { unmeasured: [], beside: ["calls"], reasons: ["not-compared", "backups-unknown"] },
  ]);
  await night.dispose();
  night = await opened("attack: [{ knows: calls, by: { city: town } }], ");
  await night.ask(...two);
  await night.nightly();
  expect(await labels()).toMatchObject([{ beside: [], reasons: ["backups-unknown"] }]);
});

test("encrypted copies of what was erased are a reason, also once no more are made", async () => {
  night = await openNight({
    recipients: [await identityToRecipient(await generateX25519Identity())],
    backups: [{ name: "dumps", store: "shop", kind: "directory", path: "dumps", keepDays: 30 }],
    schema: `${shop("page text")} insert into visits select n, n, 'Kiel', 'home' from generate_series(1, 2) n`,
    tables: `
customers: { treatment: anonymise, columns: { email: { set: null }, since: { set: null } } }
visits: { treatment: anonymise, quasi: [city, page], k: 2, columns: { id: { rekey: random }, customer_id: { set: null }, city: keep, page: keep } }`,
  });
  await mkdir(join(night.directory, "dumps"));
  await night.ask(...two);
  await night.erase();
  expect(await night.state.query("select store from lethe.export")).toHaveLength(2);
  expect(await labels()).toEqual([]);
  const unconfigured = { ...night.context, config: { ...night.context.config, export: undefined } };
  await night.nightly(unconfigured);
  expect(await labels()).toMatchObject([{ reasons: ["in-backups", "in-exports"] }]);
  // What is configured is a reason before there is any; what is neither configured nor on record is none.
  await night.state.query("delete from lethe.export");
  expect(await copiesOf(night.context, "shop")).toEqual({ backups: "held", exported: true });
  expect(await copiesOf(unconfigured, "shop")).toEqual({ backups: "held", exported: false });
});
