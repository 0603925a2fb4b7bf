import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { calendar } from "#demo/calendar.ts";
import { afterLoadSql, partitionsSql, schemaSql } from "#demo/schema.ts";
import { fixedClock } from "#lib/clock.ts";
import { withRequests, type Night } from "#test/execute/night.ts";
import { repository } from "#test/support/cli.ts";
import { testContext, type TestContextOptions } from "#test/support/context.ts";

export type System = "juicyway" | "flexprice" | "chargebee" | "polar" | "flexportal";

/** When the nights of these tests begin: the partitions of analytics are of the months around it. */
export const tonight = "2026-11-02T02:00:00Z";

export type Cell = string | number | boolean | null;
export type Company = Night & {
  /** Inserts a row; columns that are left out say something ordinary. Returns its id. */
  readonly add: (table: string, row: Readonly<Record<string, Cell>>) => Promise<number>;
  /** One value of the store. */
  readonly value: <T = unknown>(text: string, ...values: readonly unknown[]) => Promise<T | undefined>;
  readonly rows: (table: string, where?: string) => Promise<number>;
  /** Whatever a full dump of the store holds of a text. */
  readonly holds: (text: string) => Promise<readonly string[]>;
};

export type CompanyOptions = Pick<TestContextOptions, "backups" | "store"> & {
  /** Edits the policy's text. */
  readonly edit?: (text: string) => string;
  /** SQL that runs after the schema, such as one that drops the foreign keys. */
  readonly sql?: string;
};

const days = calendar(fixedClock(tonight), "Europe/Berlin");
const schema = [
  schemaSql,
  partitionsSql(days.today, 13),
  afterLoadSql,
  "insert into products (id, sku, name, kind) values (1, 'plan', 'Plan', 'plan'), (2, 'tv', 'Box', 'device')",
  "insert into prices (id, product_id, currency, amount, every) values (1, 1, 'EUR', 49, 'year')",
  "insert into benefits (id, name, kind) values (1, 'Films', 'access')",
  // Among whom whoever is made nameless is not alone.
  `insert into analytics_events (occurred_at, event, plan, country)
     select '2026-10-05T10:00:00Z', 'login', 'Pro', 'DE' from generate_series(1, 6)`,
].join(";\n");

export const policyText = (system: System): Promise<string> =>
  readFile(join(repository, `policies/${system}.yaml`), "utf8");

/** The demo's billing database, empty but for its catalogue and events of nobody, under one of the five policies as it ships. */
export const openCompany = async (
  system: System,
  { edit = (text) => text, sql = "", ...options }: CompanyOptions = {},
): Promise<Company> => {
  const opened = await testContext({
    ...options,
    schema: `${schema};\n${sql}`,
    template: "company",
    policy: edit(await policyText(system)),
    now: tonight,
  });
  const { store } = opened;
  const add: Company["add"] = async (table, row) => {
    const all = { ...ordinary[table]?.(row), ...row };
    const names = Object.keys(all);
    const [inserted] = await store.query<{ id: number | null }>(
      `insert into ${table} (${names.join(", ")}) values (${names.map((_, index) => `$${index + 1}`).join(", ")})
       returning ${keyless.has(table) ? "null::int8" : "id"} as id`,
      Object.values(all),
    );
    return inserted?.id ?? 0;
  };
  return {
    ...withRequests(opened),
    add,
    value: async <T>(text: string, ...values: readonly unknown[]) => {
      const [row] = await store.query<Record<string, T>>(text, values);
      return row === undefined ? undefined : Object.values(row)[0];
    },
    rows: async (table, where = "true") =>
      (await store.query<{ n: number }>(`select count(*) as n from ${table} where ${where}`))[0]?.n ?? 0,
    holds: (text) => placesOf(store.query, text),
  };
};

const keyless = new Set(["order_lines", "invoice_lines", "credit_note_allocations", "analytics_events", "sessions"]);

let serial = 0;
/** What the columns say that a test does not care about. */
const ordinary: Readonly<Record<string, (row: Readonly<Record<string, Cell>>) => Record<string, Cell>>> = {
  customers: () => ({
    first_name: "Some",
    last_name: "Body",
    email: `somebody${(serial += 1)}@example.org`,
    status: "active",
    locale: "de",
    country: "DE",
    created_at: "2025-07-01T10:00:00Z",
  }),
  addresses: () => ({ line1: "Seeweg 3", city: "Kiel", country: "DE", created_at: "2025-07-01T10:00:00Z" }),
  payment_methods: () => ({
    gateway: "stripe",
    gateway_token: `pm_${(serial += 1)}`,
    brand: "Visa",
    holder_name: "Some Body",
    created_at: "2026-01-05T10:00:00Z",
  }),
  subscriptions: () => ({ price_id: 1, status: "cancelled", started_on: "2026-01-05" }),
  benefit_grants: () => ({ benefit_id: 1, granted_at: "2026-01-05T10:00:00Z" }),
  gifts: () => ({ status: "claimed", sent_on: "2026-02-01" }),
  orders: () => ({ status: "fulfilled", placed_on: "2026-02-01", total: 20, currency: "EUR" }),
  order_lines: () => ({ position: 1, product_id: 1, quantity: 1, unit_price: 20 }),
  devices: () => ({ serial: `SN-${(serial += 1)}`, product_id: 2, status: "returned" }),
  invoices: () => ({
    number: `R2026-${(serial += 1)}`,
    issued_on: "2026-03-04",
    due_on: "2026-03-18",
    currency: "EUR",
    billing_country: "DE",
    total: 49,
    amount_due: 0,
    status: "paid",
  }),
  invoice_lines: () => ({ position: 1, description: "Plan", billed_on: "2026-03-04", quantity: 1, amount: 49 }),
  payments: () => ({ amount: 49, currency: "EUR", status: "succeeded", paid_on: "2026-03-09" }),
  credit_notes: () => ({ number: `G2026-${(serial += 1)}`, issued_on: "2026-04-01", amount: 10, reason: "goodwill" }),
  credit_note_allocations: () => ({ amount: 10, allocated_on: "2026-04-01" }),
  wallets: () => ({ currency: "EUR", balance: 0, opened_on: "2026-01-05" }),
  wallet_transactions: () => ({ amount: 5, kind: "top-up", booked_on: "2026-01-06" }),
  support_tickets: () => ({ subject: "Question", status: "closed", channel: "web", opened_at: "2026-05-01T10:00:00Z" }),
  ticket_messages: () => ({ author: "customer", body: "Hello", sent_at: "2026-05-01T10:00:00Z" }),
  sessions: () => ({ id: `s${(serial += 1)}`, started_at: "2026-05-01T10:00:00Z" }),
  consents: () => ({ purpose: "newsletter", granted_on: "2026-01-05" }),
  workflows: () => ({ kind: "welcome", status: "finished", payload: "{}", started_at: "2026-01-05T10:00:00Z" }),
  analytics_events: () => ({ occurred_at: "2026-10-05T10:00:00Z", event: "login", plan: "Pro", country: "DE" }),
};

/** `table.column` of every cell that holds the text, in whatever case. */
const placesOf = async (query: Company["store"]["query"], text: string): Promise<readonly string[]> => {
  const tables = await query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and n.nspname in ('public', 'lethe') order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const cells = await query<{ key: string }>(
      `select distinct e.key from ${name} t, jsonb_each_text(to_jsonb(t)) e where e.value ilike '%' || $1 || '%'`,
      [text],
    );
    found.push(...cells.map(({ key }) => `${name}.${key}`));
  }
  return found.toSorted();
};

/** What the nights so far have written into the ledger, each kind of entry once: a night that tries nothing starts and ends. */
export const stepsOfNights = async ({ state }: Company): Promise<readonly string[]> =>
  (
    await state.query<{ kind: string }>(
      'select distinct kind collate "C" as kind from lethe.ledger_entry where run_id is not null order by 1',
    )
  ).map(({ kind }) => kind);

/** A customer who left, with something in every table. */
export const formerCustomer = async (company: Company): Promise<number> => {
  const { add } = company;
  const home = await add("addresses", { line1: "Canaryweg 7" });
  const id = await add("customers", {
    first_name: "Julia",
    last_name: "Canary",
    email: "julia.canary@example.org",
    phone: "+493023125123",
    external_id: "usr_canary",
    default_address_id: home,
    status: "inactive",
  });
  const method = await add("payment_methods", {
    customer_id: id,
    holder_name: "Julia Canary",
    gateway_token: "pm_canary",
  });
  const subscription = await add("subscriptions", {
    customer_id: id,
    payment_method_id: method,
    ended_on: "2026-06-01",
    metadata: '{"external_id": "usr_canary"}',
  });
  await add("benefit_grants", { customer_id: id, subscription_id: subscription, licence_key: "LK-CANARY" });
  const order = await add("orders", { customer_id: id, shipping_address_id: home, delivery_note: "Ring at Canary" });
  await add("order_lines", { order_id: order });
  await add("devices", { customer_id: id, subscription_id: subscription, label: "Julia's desk" });
  const invoice = await add("invoices", {
    customer_id: id,
    subscription_id: subscription,
    billing_name: "Julia Canary",
    billing_street: "Canaryweg 7",
    metadata: '{"sent_to": ["julia.canary@example.org"]}',
  });
  await add("invoice_lines", { invoice_id: invoice });
  await add("payments", { invoice_id: invoice, payer_id: id });
  const note = await add("credit_notes", { customer_id: id, note: "Agreed with Julia Canary" });
  await add("credit_note_allocations", { credit_note_id: note, invoice_id: invoice });
  const wallet = await add("wallets", { customer_id: id });
  await add("wallet_transactions", { wallet_id: wallet, note: "Voucher for julia.canary@example.org" });
  const ticket = await add("support_tickets", { customer_id: id, subject: "Julia Canary asks" });
  await add("ticket_messages", { ticket_id: ticket, body: "Write to julia.canary@example.org" });
  await add("sessions", { user_ref: "usr_canary", ip: "192.0.2.7" });
  await add("consents", { customer_id: id, source_ip: "192.0.2.7" });
  await add("workflows", { customer_id: id, payload: '{"to": "julia.canary@example.org"}' });
  await add("analytics_events", { customer_id: id, session_ref: "s", url: "/welcome?u=usr_canary", amount: 5 });
  return id;
};

export const julia = { email: "julia.canary@example.org" } as const;
