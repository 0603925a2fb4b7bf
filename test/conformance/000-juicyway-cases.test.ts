import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { closePool, openPool } from "#db/pool.ts";
import { withdrawRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { formerCustomer, julia, openCompany, stepsOfNights, type Company } from "#test/conformance/company.ts";
import { decrypt, makePerson } from "#test/export/read-export.ts";

describe("000 Juicyway, case by case", () => {
  let company: Company;
  afterEach(() => company.dispose());

  test("000: deletion is irreversible, so its intent is confirmed first: nothing is deleted without a recorded approval", async () => {
    company = await openCompany("juicyway");
    await formerCustomer(company);
    const { ref } = await addRequest(company.context, julia);
    await company.nightly();
    expect(await company.rows("payment_methods")).toBe(1);
    await company.approve(ref);
    await company.nightly();
    expect(await company.rows("payment_methods")).toBe(0);
    expect(await company.state.query("select approved_by, length(approved_plan) as plan from lethe.request")).toEqual([
      { approved_by: "dpo", plan: 64 },
    ]);
  });

  test("000: an absent customer is said to be absent (404), and nobody else is touched", async () => {
    company = await openCompany("juicyway");
    await formerCustomer(company);
    const [ref = ""] = await company.ask({ email: "nobody@example.org" });
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code: "SUBJECT_NOT_FOUND" }]);
    expect(await company.rows("payment_methods")).toBe(1);
  });

  test("000: what we may not delete (403) stops before anything changes, is a matter of configuration, and nothing is tried blindly, tonight or the night after", async () => {
    company = await openCompany("juicyway");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    const role = company.store.name.replace("test", "limited");
    await company.store.query(`create role ${role} login password 'limited';
      grant create on database ${company.store.name} to ${role}; grant select on all tables in schema public to ${role}`);
    const url = new URL(company.store.url);
    url.username = role;
    url.password = "limited";
    const pool = openPool({ url: url.href, applicationName: "lethe", label: "shop" });
    try {
      const stores = company.context.stores.map((store) => ({ ...store, pool }));
      for (const now of ["2026-11-02T02:00:00Z", "2026-11-03T02:00:00Z"]) {
        await expect(company.nightly({ ...company.at(now), stores })).rejects.toMatchObject({
          code: "DATABASE_PRIVILEGE",
        });
        expect(await stepsOfNights(company)).toEqual(["run.finished", "run.started"]);
        expect(await company.state.query("select from lethe.batch")).toEqual([]);
        expect(await company.rows("payment_methods")).toBe(1);
        expect(await company.requests(ref)).toMatchObject([{ state: "approved", code: null }]);
      }
    } finally {
      await closePool(pool);
      await company.store.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  test.each([
    ["active subscriptions", "subscriptions", { status: "active" }, "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS"],
    ["pending orders", "orders", { status: "pending" }, "CUSTOMER_HAS_PENDING_ORDERS"],
    ["running workflows", "workflows", { status: "running" }, "WORKFLOWS_RUNNING"],
    ["rented devices", "devices", { status: "rented_out" }, "DEVICES_NOT_RETURNED"],
    ["open invoices", "invoices", { amount_due: 9, status: "open" }, "OPEN_INVOICES"],
    ["money in the wallet", "wallets", { balance: 9 }, "WALLET_HAS_BALANCE"],
  ])(
    "000: check for any %s that might prevent deletion: it blocks, with no row changed (409)",
    async (_, table, row, code) => {
      company = await openCompany("juicyway");
      const id = await company.add("customers", { email: julia.email });
      await company.add("payment_methods", { customer_id: id });
      await company.add(table, { customer_id: id, ...row });
      const [ref = ""] = await company.ask(julia);
      await company.nightly();
      expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code }]);
      expect(await company.rows("customers", `email = '${julia.email}'`)).toBe(1);
      expect(await company.rows("payment_methods")).toBe(1);
    },
  );

  test("000: check for any pending transactions that might prevent deletion, whoever's invoice they are for", async () => {
    company = await openCompany("juicyway");
    const id = await company.add("customers", { email: julia.email });
    const other = await company.add("customers", {});
    const invoice = await company.add("invoices", { customer_id: other });
    await company.add("payments", { invoice_id: invoice, payer_id: id, status: "pending" });
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code: "CUSTOMER_HAS_PENDING_PAYMENTS" }]);
    await company.store.query("update payments set status = 'succeeded'");
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "completed" }]);
  });

  test("000: consider exporting customer data before deletion: the export is finished before the first delete", async () => {
    company = await openCompany("juicyway");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    const dpo = await makePerson();
    const directory = join(company.directory, "exports");
    const config = { ...company.context.config, export: { directory, recipients: [dpo.recipient] } };
    await company.nightly({ ...company.context, config });
    const text = await decrypt(join(directory, `${ref}.shop.jsonl.age`), dpo);
    expect(text).toContain("julia.canary@example.org");
    const kinds = await company.state.query<{ kind: string }>("select kind from lethe.ledger_entry order by index");
    const order = kinds.map(({ kind }) => kind);
    expect(order.indexOf("request.exported")).toBeGreaterThan(0);
    expect(order.indexOf("request.exported")).toBeLessThan(order.indexOf("batch.committed"));
  });

  test("000: confirm the record has been removed by attempting to fetch it: what is still found makes the request failed, never done", async () => {
    company = await openCompany("juicyway");
    await formerCustomer(company);
    await company.store.query("update benefits set name = 'Julia: julia.canary@example.org'");
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([
      { state: "failed", code: "RESIDUAL", detail: { table: "benefits", column: "name", rows: 1 } },
    ]);
  });

  test("000: consider soft deletion for recoverable data: marked only, a person who stays after all has everything back and is left alone", async () => {
    company = await openCompany("flexportal");
    const id = await formerCustomer(company);
    await company.store.query(`update customers set status = 'active' where id = ${id}`);
    const tables = [
      "customers",
      "addresses",
      "payment_methods",
      "subscriptions",
      "benefit_grants",
      "orders",
      "devices",
      "invoices",
      "payments",
      "sessions",
      "support_tickets",
      "ticket_messages",
    ];
    const everything = () => Promise.all(tables.map((table) => company.store.query(`select * from ${table}`)));
    const before = await everything();
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "archived" }]);
    expect(await company.rows("active_customers", `id = ${id}`)).toBe(0);
    await expect(company.add("orders", { customer_id: id })).rejects.toMatchObject({ constraint: "lethe_refuse" });
    await company.store.query(`update customers set status = 'active' where id = ${id}`);
    expect(await everything()).toEqual(before);
    expect(await company.rows("active_customers", `id = ${id} and email = '${julia.email}'`)).toBe(1);
    const order = await company.add("orders", { customer_id: id });
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "verified", code: "REACTIVATED" }]);
    await withdrawRequest(company.context, ref, { by: "dpo" });
    await company.nightly();
    await company.store.query(`delete from orders where id = ${order}`);
    expect(await everything()).toEqual(before);
  });

  test("000: cascade deletion effects are handled: shared rows stay, dependants go once", async () => {
    company = await openCompany("juicyway");
    await formerCustomer(company);
    const home = await company.value<number>("select id from addresses");
    await company.add("customers", { email: "flatmate@example.org", default_address_id: home ?? 0 });
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.rows("addresses")).toBe(1);
    const lines = await company.dispositions(ref);
    expect(lines).toEqual(
      expect.arrayContaining(["erase addresses 0 1", "erase payment_methods 1 0", "erase benefit_grants 1 0"]),
    );
    expect(new Set(lines).size).toBe(lines.length);
  });
});
