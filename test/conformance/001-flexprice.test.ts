import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { formerCustomer, julia, openCompany, type Company } from "#test/conformance/company.ts";

let company: Company;

const stateValue = async (text: string): Promise<unknown> =>
  Object.values((await company.state.query<object>(text))[0] ?? {})[0];

const option = (name: string, value: boolean) => (text: string) => {
  const changed = text.replace(new RegExp(`${name}: (true|false)`), `${name}: ${value}`);
  expect(changed).toContain(`${name}: ${value}`);
  return changed;
};

/** The policy as FlexPrice itself works: it says `archived`, and overwrites nothing. */
const withoutOverwriting = (text: string): string =>
  text
    .replace(
      "  addresses: { treatment: erase }",
      "  addresses: { treatment: keep, reason: 'archived too', personal: [line1] }",
    )
    .replace(
      / {2}customers:\n {4}treatment: anonymise\n {4}columns:\n(?: {6}.*\n)+/,
      "  customers: { treatment: keep, reason: 'archived, not overwritten', personal: [external_id, first_name, last_name, full_name, email, phone] }\n",
    );

describe("001: after one night", () => {
  let ref: string;
  beforeAll(async () => {
    company = await openCompany("flexprice");
    await formerCustomer(company);
    [ref = ""] = await company.ask(julia);
    await company.nightly();
  });
  afterAll(() => company.dispose());

  test("001: historical invoices and usage data may be retained for compliance purposes: kept, personal columns scrubbed", async () => {
    expect(await company.store.query("select total, billing_name, billing_street from invoices")).toEqual([
      { total: "49.00", billing_name: null, billing_street: null },
    ]);
    expect(await company.store.query("select amount, customer_id, url from analytics_events where amount > 0")).toEqual(
      [{ amount: "5.00", customer_id: null, url: null }],
    );
    expect(await stateValue("select outcome from lethe.outcome")).toBe("retained");
  });

  test("001: ensure all related personal data is also removed; deletion triggers cleanup of related records: each dependant once", async () => {
    expect(await company.holds("canary")).toEqual([]);
    const lines = await company.dispositions(ref);
    const tables = lines.map((line) => line.split(" ")[1]);
    expect(new Set(tables).size).toBe(tables.length);
    expect(lines).toEqual(
      expect.arrayContaining(["erase payment_methods 1 0", "erase sessions 1 0", "anonymise subscriptions 1 0"]),
    );
  });

  test("001: maintain deletion logs for audit purposes", async () => {
    const [entry] = await company.state.query<{ body: string }>(
      "select body from lethe.ledger_entry where kind = 'request.erased'",
    );
    expect(JSON.parse(entry?.body ?? "{}")).toMatchObject({ request: ref, outcomes: { shop: "retained" } });
  });

  test("001: third-party integrations (Stripe, PayPal) are also notified: the request stays open until every recipient is done", async () => {
    const tasks = () => company.state.query("select recipient, task, state, reference from lethe.task order by 1 desc");
    expect(await tasks()).toEqual([
      { recipient: "stripe", task: "delete_customer", state: "open", reference: "usr_canary" },
      { recipient: "paypal", task: "delete_payer", state: "open", reference: "usr_canary" },
    ]);
    expect(await company.requests(ref)).toMatchObject([{ state: "erased" }]);
    await company.state.query("update lethe.task set state = 'done', reference = null where recipient = 'stripe'");
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "erased" }]);
    await company.state.query("update lethe.task set state = 'done', reference = null");
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "completed" }]);
  });
});

describe("001: all active subscriptions are canceled first", () => {
  const statuses = ["active", "trialing", "past_due", "paused", "draft", "incomplete"] as const;
  const refs = new Map<string, string>();
  beforeAll(async () => {
    company = await openCompany("flexprice");
    const people = statuses.map((status) => ({ email: `${status}@example.org` }));
    for (const [index, status] of statuses.entries()) {
      const id = await company.add("customers", people[index] ?? {});
      await company.add("subscriptions", { customer_id: id, status });
    }
    const asked = await company.ask(...people);
    for (const [index, status] of statuses.entries()) refs.set(status, asked[index] ?? "");
    await company.nightly();
  });
  afterAll(() => company.dispose());

  test.each(statuses)("001: all active subscriptions are canceled first: %s blocks as well", async (status) => {
    expect(await company.requests(refs.get(status) ?? "")).toMatchObject([
      { state: "blocked", code: "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS" },
    ]);
  });
});

describe("001: each in a company of its own", () => {
  afterEach(() => company.dispose());

  test("001: an empty answer (204) is acceptance, not proof: what was executed is not done before it was searched for", async () => {
    company = await openCompany("flexprice");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    await company.erase();
    expect(await company.requests(ref)).toMatchObject([{ state: "erasing" }]);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "erased" }]);
  });

  test("001: the customer record is permanently removed: with the person's data overwritten the outcome says what is true", async () => {
    company = await openCompany("flexprice");
    const id = await company.add("customers", { ...julia, first_name: "Julia" });
    await company.ask(julia);
    await company.nightly();
    expect(await company.store.query(`select status, first_name, phone from customers where id = ${id}`)).toEqual([
      { status: "archived", first_name: "Erased", phone: null },
    ]);
    expect(await stateValue("select outcome from lethe.outcome")).toBe("anonymised");
    expect(await company.holds("canary")).toEqual([]);
  });

  test("001: the operation cannot be undone: nothing reopens what is archived for good, even where the person could still be found", async () => {
    company = await openCompany("flexprice", { edit: withoutOverwriting });
    const id = await company.add("customers", julia);
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    await company.store.query("update customers set status = 'active'");
    await company.nightly(company.at("2026-11-03T02:00:00Z"));
    expect(await company.requests(ref)).toMatchObject([{ state: "archived", code: null }]);
    expect(await stateValue("select count(*) from lethe.ledger_entry where kind = 'request.reopened'")).toBe(0);
    expect(await company.value(`select email from customers where id = ${id}`)).toBe(julia.email);
  });

  test("001: alternative: archiving. Reading it back shows what it left: archived_with_pii, never erased", async () => {
    company = await openCompany("flexprice", { edit: withoutOverwriting });
    const id = await company.add("customers", { ...julia, phone: "+493023125123" });
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "archived" }]);
    expect(await company.store.query(`select status, email from customers where id = ${id}`)).toEqual([
      { status: "archived", email: julia.email },
    ]);
    expect(await stateValue("select outcome from lethe.outcome")).toBe("archived_with_pii");
    const stays = await company.state.query(
      "select column_name, rows, why from lethe.stay where table_name = 'customers' order by 1",
    );
    expect(stays).toContainEqual({ column_name: "email", rows: 1, why: "archived, not overwritten" });
    expect(stays).toContainEqual({ column_name: "phone", rows: 1, why: "archived, not overwritten" });
  });

  test("001: associated subscriptions may be canceled, depending on your configuration: not configured, they block", async () => {
    company = await openCompany("flexprice");
    const id = await company.add("customers", julia);
    await company.add("subscriptions", { customer_id: id, status: "active" });
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([
      { state: "blocked", code: "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS" },
    ]);
    expect(await company.rows("subscriptions", "status = 'active'")).toBe(1);
  });

  test("001: associated subscriptions may be canceled, depending on your configuration: configured, they are, and it is on record", async () => {
    company = await openCompany("flexprice", { edit: option("cancel_subscriptions", true) });
    const id = await company.add("customers", julia);
    await company.add("subscriptions", { customer_id: id, status: "active" });
    await company.add("subscriptions", { customer_id: id, status: "trialing", ended_on: "2026-12-31" });
    await company.ask(julia);
    await company.nightly();
    expect(await company.store.query("select status, ended_on from subscriptions order by id")).toEqual([
      { status: "cancelled", ended_on: "2026-11-02" },
      { status: "cancelled", ended_on: "2026-12-31" },
    ]);
    expect(await company.state.query("select code, action, rows from lethe.remedy")).toEqual([
      { code: "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS", action: "set", rows: 2 },
    ]);
  });

  test("001: outstanding invoices resolved, workflows stopped, dependent children handled: each blocks until it is settled", async () => {
    company = await openCompany("flexprice");
    const id = await company.add("customers", julia);
    await company.add("invoices", { customer_id: id, amount_due: 9, status: "open" });
    await company.add("workflows", { customer_id: id, status: "running" });
    await company.add("customers", { parent_id: id });
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([
      {
        state: "blocked",
        code: "OUTSTANDING_INVOICES",
        detail: { also: ["WORKFLOWS_RUNNING", "CUSTOMER_HAS_CHILDREN"] },
      },
    ]);
    const since = () => stateValue("select code_since from lethe.request");
    const first = await since();
    await company.nightly(company.at("2026-11-03T02:00:00Z"));
    expect(await since()).toEqual(first);
    await company.store.query("update invoices set amount_due = 0, status = 'paid'");
    await company.nightly(company.at("2026-11-04T02:00:00Z"));
    expect(await company.requests(ref)).toMatchObject([{ code: "WORKFLOWS_RUNNING" }]);
    await company.store.query("update workflows set status = 'stopped'");
    await company.nightly(company.at("2026-11-05T02:00:00Z"));
    expect(await company.requests(ref)).toMatchObject([{ code: "CUSTOMER_HAS_CHILDREN" }]);
    await company.store.query("update customers set parent_id = null");
    await company.nightly(company.at("2026-11-06T02:00:00Z"));
    expect(await company.requests(ref)).toMatchObject([{ state: "completed", code: null }]);
  });
});
