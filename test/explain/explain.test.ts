import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCatalog } from "#catalog/read.ts";
import { withClient } from "#db/pool.ts";
import { afterLoadSql, partitionsSql, schemaSql } from "#demo/schema.ts";
import { explain } from "#explain/table.ts";
import { resolveName } from "#explain/name.ts";
import type { Catalog } from "#catalog/catalog.ts";
import { shapeOf } from "#plan/shape.ts";
import { parsePolicy } from "#policy/parse.ts";
import { lawIn } from "#test/policy/holder.ts";
import { repository } from "#test/support/cli.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";

let database: TestDatabase;
let catalog: Catalog;
beforeAll(async () => {
  database = await createDatabase(schemaSql + partitionsSql(Temporal.PlainDate.from("2026-11-02"), 3) + afterLoadSql);
  catalog = await withClient(database.pool, (client) => readCatalog(client, { store: "shop", schemas: ["public"] }));
});
afterAll(() => database.drop());

const law = lawIn("DE");
const textOf = (policy: string): string => readFileSync(join(repository, `policies/${policy}.yaml`), "utf8");

const explained = (policy: string, name: string, text = textOf(policy)) => {
  const parsed = parsePolicy(`${policy}.yaml`, text, law);
  const named = resolveName(catalog, name);
  const table = catalog.tables.get(named?.table ?? "");
  if (table === undefined) throw new Error(`no ${name}`);
  return explain(parsed, catalog, shapeOf(parsed, catalog), table, named?.column);
};

/** The line of a policy file, without indentation. */
const lineAt = (policy: string, place: { readonly line?: number | undefined } | null | undefined): string =>
  textOf(policy).split("\n")[(place?.line ?? 0) - 1]?.trim() ?? "";

describe("a table", () => {
  test("that is retained says for how long, by which law, and from when", () => {
    const { rule, says, paths } = explained("juicyway", "invoices");
    expect(rule?.treatment).toBe("retain");
    expect(lineAt("juicyway", rule?.place)).toBe("invoices:");
    expect(says).toEqual([
      "The subject's rows stay for 8 years from the end of the calendar year of issued_on, by HGB §257(1) no. 4, AO §147(1) no. 4 (class voucher), without what the law does not ask for.",
      "The class is voucher of DE, in the version that is in force today.",
      "When that time is over, subscription_id, billing_name, billing_street, billing_postcode, billing_city, metadata change, whoever they are about.",
    ]);
    expect(paths).toEqual(["customer_id → customers"]);
  });

  test("that is erased though a statute may hold it says who decided so", () => {
    expect(explained("chargebee", "invoices").says).toEqual([
      "The subject's rows are deleted.",
      "Decided by dpo@lumen.example on 2026-01-05: the books are kept in the ERP; these are working copies.",
      "It happens 5 minutes after the request comes up; until then the request can be withdrawn.",
    ]);
  });

  test("that stays on purpose says what stays and why, and the subject's own how it is marked", () => {
    expect(explained("flexportal", "customers").says).toEqual([
      "The subject's row stays, with personal data in external_id, first_name, last_name, full_name, email, phone, birth_date, company: the account can be reactivated.",
      "What stays is counted and listed for every request.",
      "It is marked as deleted (status → 'inactive') and can be reactivated.",
    ]);
    expect(explained("flexprice", "customers").says).toContain("It is marked for good: status → 'archived'.");
  });

  test("of events says what must stay equal and what is measured", () => {
    expect(explained("polar", "analytics_events").says).toEqual([
      "The subject's rows stay, and nobody is to be recognised in them.",
      "In every month the number of rows and the sum of amount must be the same before and after, or the batch is undone.",
      "Wherever its rows are, at least 5 rows of the whole table must be equal in country, plan, and of as many people as far as rows say whose they are, or the request waits for others.",
      "Whoever waits does so beyond the deadline of the request, which is late then: the policy does not say what else.",
    ]);
  });

  test("of events says what else is asked of classes, and with what rows are compared", () => {
    const more = `quasi: [country, plan]
    sensitive: [amount]
    l: 3
    t: 0.4
    late: suppress
    attack: [{ knows: invoices, by: { occurred_at: issued_on, amount: total }, whose: customer_id }]`;
    const { says } = explained("polar", "analytics_events", textOf("polar").replace("quasi: [country, plan]", more));
    expect(says.slice(3)).toEqual([
      "Each such class must have at least 3 different values and a distance from the whole table of at most 0.4 of amount.",
      "Its rows are compared with those of invoices by occurred_at = issued_on, amount = total, exactly and roughly: whoever one person alone fits waits for others.",
      "In the last night before the deadline country, plan, occurred_at, amount are emptied in the rows of whoever still waits; rows that even so are in too small a class are deleted.",
    ]);
  });

  test("that people share says whose claim spares a row, and by which ways rows come in", () => {
    const { paths, sharing } = explained("juicyway", "addresses");
    expect(paths).toEqual([
      "customers.default_address_id refers to it",
      "orders.shipping_address_id refers to it, customer_id → customers",
    ]);
    expect(sharing).toEqual([
      "a row to which customers.default_address_id of somebody who did not ask refers is left whole",
      "a row to which orders.shipping_address_id of somebody who did not ask refers is left whole",
    ]);
  });

  test("lists the lines that look at its rows, with their conditions, ways and remedies", () => {
    const { blockers } = explained("chargebee", "payments");
    expect(blockers.map(({ place }) => lineAt("chargebee", place))).toEqual(["- code: INVOICE_PAID_BY_ANOTHER"]);
    expect(blockers).toMatchObject([
      {
        rows: "rows of payments that lead to the subject (invoice_id → invoices, customer_id → customers) and to another row of customers (payer_id → customers)",
        then: "remedied: the rows are removed",
        hint: "remove the payment from the invoice",
      },
    ]);
    // A line that only passes through the table looks at it too.
    expect(explained("chargebee", "invoices").blockers.map(({ code }) => code)).toEqual([
      "INVOICE_PAID_BY_ANOTHER",
      "CREDIT_NOTE_ALLOCATED_TO_ANOTHER",
      "CREDIT_NOTE_OF_ANOTHER",
    ]);
    expect(explained("polar", "subscriptions").blockers).toMatchObject([
      {
        code: "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS",
        rows: "the subject's rows of subscriptions where status is active or trialing or past_due or paused",
        then: "remedied: status → 'cancelled', ended_on → the moment of the erasure, where it is empty",
      },
    ]);
    // The order of the file, whatever blocks first.
    expect(explained("chargebee", "gifts").blockers.map(({ code, then }) => [code, then])).toEqual([
      ["CUSTOMER_GAVE_GIFT", "the request waits for a person"],
      ["CUSTOMER_RECEIVED_GIFT", "the request waits for a person"],
    ]);
  });

  test("says what the database does by itself: triggers both ways, partitions, views, guards", () => {
    expect(explained("flexportal", "customers").database).toEqual([
      "its trigger customers_history runs on insert, update, delete, which writes into audit_log",
      "the materialised views customer_lifetime_value are refreshed afterwards",
      "the views active_customers show it",
    ]);
    expect(explained("juicyway", "audit_log").database).toEqual([
      "the trigger customers.customers_history writes into it",
    ]);
    expect(explained("juicyway", "analytics_events").database).toEqual([
      "it has 5 partitions, which are treated with it",
    ]);
    expect(explained("flexportal", "orders").database).toEqual([
      "a trigger of Lethe's refuses new rows for a subject that is marked as deleted",
    ]);
    expect(explained("flexportal", "active_customers").database).toEqual([
      "it must not show a subject that is marked as deleted: that is read back before the change is committed",
    ]);
  });

  test("names the figures, recipients and examples that read it", () => {
    const { figures, examples } = explained("chargebee", "payments");
    expect(figures.map(({ name }) => name)).toEqual(["Payments", "Refunds"]);
    expect(examples.map(({ name }) => name)).toContain(
      "an invoice of somebody else that the customer paid stays paid, without the payer",
    );
    const { recipients } = explained("chargebee", "payment_methods");
    expect(recipients.map(({ name, place }) => [name, lineAt("chargebee", place)])).toEqual([
      ["payment gateway: delete_payment_method, by gateway_token", "- recipient: payment gateway"],
    ]);
  });

  test("without a rule is said to be none of the policy's business", () => {
    const { rule, says } = explained("juicyway", "customer_lifetime_value");
    expect([rule, says]).toEqual([null, ["It shows what customers, invoices holds and needs no rule."]]);
  });
});

describe("a column", () => {
  const column = (policy: string, name: string) => {
    const { columns, blockers, figures } = explained(policy, name);
    const [first] = columns;
    if (first === undefined) throw new Error(`no ${name}`);
    expect(columns).toHaveLength(1);
    return { ...first, line: lineAt(policy, first.place), blockers: blockers.map(({ code }) => code), figures };
  };

  test("that names the subject says what becomes of it and that it is searched for", () => {
    expect(column("juicyway", "customers.email")).toMatchObject({
      type: "text",
      line: "email: { unique: 'erased-{random}@invalid' }",
      becomes: "erased-{random}@invalid",
      means: "different in every row, so that it stays unique, and leads back to nobody",
      also: ["the subject's email: searched for everywhere after the erasure"],
      searched: true,
    });
    expect(column("juicyway", "customers.external_id").also).toEqual([
      "the subject's external id: searched for everywhere after the erasure",
    ]);
  });

  test.each([
    ["juicyway", "customers.phone", "empty", "nothing is left of it"],
    ["juicyway", "customers.first_name", "'Erased'", "the same in every treated row: it tells nobody apart"],
    ["juicyway", "customers.created_at", "the first of its month", "coarser: one among many"],
    ["juicyway", "customers.country", "stays as it is", "no personal data, the policy says"],
    ["juicyway", "customers.full_name", "computed anew", "follows the columns it is computed from"],
    ["juicyway", "customers.id", "stays as it is", "names the row, not the person"],
    ["juicyway", "analytics_events.occurred_at", "the beginning of its day", "coarser: one among many"],
    [
      "juicyway",
      "ticket_messages.body",
      "its text with [erased] in it",
      "identifiers and names of the subject are taken out; the rest of the text stays",
    ],
    ["juicyway", "invoices.total", "stays as it is", "part of the record that is retained"],
    ["juicyway", "addresses.city", "gone", "goes with the row"],
    ["juicyway", "products.name", "stays as it is", "the rule keeps the table"],
    ["juicyway", "active_customers.email", "what its tables say", "a view holds nothing of its own"],
    [
      "polar",
      "invoices.billing_name",
      "stays as it is",
      "personal data that stays on purpose, listed for every request: shown on historic orders",
    ],
    [
      "polar",
      "benefit_grants.revoked_at",
      "the moment of the erasure, where it is empty",
      "says when it ended, nothing about the person",
    ],
    [
      "flexportal",
      "orders.delivery_note",
      "stays as it is",
      "personal data that stays on purpose, listed for every request: order history",
    ],
    ["flexportal", "customers.status", "'inactive'", "says from then on that the subject is deleted"],
    ["flexprice", "customers.status", "'archived'", "says from then on that the subject is deleted"],
  ])("%s: %s becomes %s", (policy, name, becomes, means) => {
    expect(column(policy, name)).toMatchObject({ becomes, means });
  });

  test("says which line it stands in, also under `personal` and `deletion`", () => {
    expect(column("flexportal", "customers.status").line).toBe(
      `set: { status: inactive } # "Customer status changes to inactive"`,
    );
    expect(column("flexportal", "orders.delivery_note").line).toMatch(/^orders: .*personal: \[delivery_note\]/);
    expect(column("flexportal", "orders.total").place).toBeNull();
  });

  test("says what reads it and what else changes it", () => {
    expect(column("chargebee", "payments.payer_id")).toMatchObject({
      becomes: "gone",
      also: ["refers to customers (a foreign key)", "emptied where it names a row that is erased"],
      blockers: ["INVOICE_PAID_BY_ANOTHER"],
      searched: false,
    });
    expect(column("chargebee", "customers.parent_id").also).toEqual([
      "refers to customers (a foreign key)",
      "emptied where it names a row that is erased",
      "the remedy of CUSTOMER_IS_CHILD: parent_id → empty",
      "the remedy of CUSTOMER_IS_PARENT: parent_id → empty",
    ]);
    expect(column("juicyway", "invoices.issued_on").also).toEqual(["the period of retention counts from it"]);
    expect(column("juicyway", "invoices.customer_id").also).toContain("says whose the row is");
    expect(column("juicyway", "audit_log.row_id").also).toEqual(["refers to customers (a link of the policy)"]);
    expect(column("juicyway", "analytics_events.amount").also).toEqual(["its sum must be the same before and after"]);
    expect(column("juicyway", "analytics_events.plan").also).toEqual([
      "one of the columns over which k = 5 is measured",
    ]);
    expect(column("chargebee", "invoices.total").figures.map(({ name }) => name)).toEqual(["New Revenue"]);
    expect(column("chargebee", "payments.status").figures.map(({ name }) => name)).toEqual(["Payments", "Refunds"]);
  });

  test("of a subject that is first marked says both", () => {
    const policy = parsePolicy(
      "p.yaml",
      textOf("flexprice").replace(
        /deletion: .*/,
        "deletion: { mode: soft-then-hard, set: { status: inactive }, grace: P30D }",
      ),
      law,
    );
    const table = catalog.tables.get("customers");
    if (table === undefined) throw new Error("no customers");
    const { says, columns } = explain(policy, catalog, shapeOf(policy, catalog), table, "status");
    expect(says).toEqual([
      "The subject's rows stay, and nobody is to be recognised in them.",
      "First it is marked as deleted: status → 'inactive'.",
      "The rule is carried out 30 days after the subject was marked; until then it can be reactivated.",
    ]);
    expect(columns[0]?.becomes).toBe("'inactive' at once, then: stays as it is");
  });

  test("of rows that exchange their values says among which, and of such as are put in again among how many people", () => {
    const written = textOf("juicyway")
      .replace("occurred_at: { truncate: day }", "occurred_at: { shuffle: [plan] }")
      .replace("session_ref: { set: null }", "session_ref: { rekey: random }")
      .replace("clock: occurred_at", "clock: occurred_at\n    order: random");
    const [before = "", rule = ""] = written.split(/(?=  analytics_events:)/);
    const text = before + rule.replace("city: { set: null }", "city: { shuffle: [] }");
    const { says, columns } = explained("juicyway", "analytics_events", text);
    expect(says).toContain(
      "They are taken out and put in again in random order, those of at least 5 people at a time, or the request waits for others.",
    );
    const becomes = (name: string) => columns.find(({ column: each }) => each === name)?.becomes;
    expect(["occurred_at", "city", "session_ref"].map(becomes)).toEqual([
      "that of another row of its month and the same plan, at random, of at least 5 people who go together",
      "that of another row, at random, of at least 5 people who go together",
      "a new random key",
    ]);
  });

  test("of rows that are counted elsewhere says where, by what, and what becomes of too few", () => {
    const [before = "", rule = ""] = textOf("juicyway").split(/(?=  analytics_events:)/);
    const text =
      before +
      rule.replace(
        "    columns:",
        "    aggregate: { into: products, period: id, count: price, sums: { amount: price }, other: { country: XX, plan: null } }\n    columns:",
      );
    const policy = parsePolicy("p.yaml", text, law);
    const shape = shapeOf(parsePolicy("p.yaml", textOf("juicyway"), law), catalog);
    const table = catalog.tables.get("analytics_events");
    if (table === undefined) throw new Error("no events");
    expect(explain(policy, catalog, shape, table, undefined).says).toEqual([
      "The subject's rows go, and their number and the sum of amount by country, plan, month are added to products, or the batch is undone.",
      "What fewer than 5 people of a batch add to is added to one class (country = XX, plan = empty); where even there they are fewer, they wait for others.",
      expect.stringMatching(/^Whoever waits does so beyond the deadline/),
    ]);
  });
});
