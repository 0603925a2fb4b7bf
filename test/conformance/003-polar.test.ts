import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { approveAll } from "#intake/approve.ts";
import { addRequest } from "#intake/requests.ts";
import { planForApproval } from "#forecast.ts";
import { formerCustomer, julia, openCompany, stepsOfNights, type Company } from "#test/conformance/company.ts";

let company: Company;

describe("003: active subscriptions", () => {
  const statuses = ["active", "trialing", "past_due", "paused"] as const;
  const ids = new Map<string, number>();
  const refs = new Map<string, string>();
  beforeAll(async () => {
    company = await openCompany("polar");
    const people = statuses.map((status) => ({ email: `${status}@example.org` }));
    for (const [index, status] of statuses.entries()) {
      const id = await company.add("customers", people[index] ?? {});
      await company.add("subscriptions", { customer_id: id, status });
      ids.set(status, id);
    }
    const asked = await company.ask(...people);
    for (const [index, status] of statuses.entries()) refs.set(status, asked[index] ?? "");
    await company.nightly();
  });
  afterAll(() => company.dispose());

  test.each(statuses)(
    "003: cancel any active subscriptions for the customer: %s is cancelled, not blocked",
    async (status) => {
      expect(await company.requests(refs.get(status) ?? "")).toMatchObject([{ state: "completed" }]);
      expect(
        await company.store.query(
          `select status, ended_on from subscriptions where customer_id = ${ids.get(status) ?? 0}`,
        ),
      ).toEqual([{ status: "cancelled", ended_on: "2026-11-02" }]);
    },
  );
});

describe("003: each in a company of its own", () => {
  afterEach(() => company.dispose());

  test("003: this action cannot be undone: it needs a confirmation, which is on record with who and what", async () => {
    company = await openCompany("polar");
    await formerCustomer(company);
    const { ref } = await addRequest(company.context, julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "received" }]);
    expect(await company.rows("customers", `email = '${julia.email}'`)).toBe(1);
    await company.approve(ref);
    await company.nightly();
    const [entry] = await company.state.query<{ body: string }>(
      "select body from lethe.ledger_entry where kind = 'request.approved'",
    );
    expect(JSON.parse(entry?.body ?? "{}")).toMatchObject({
      request: ref,
      by: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });

  test("003: revoke all their benefits: those that run end now, those that ended keep their day", async () => {
    company = await openCompany("polar");
    const id = await company.add("customers", julia);
    await company.add("benefit_grants", { customer_id: id, licence_key: "LK-CANARY-1" });
    await company.add("benefit_grants", { customer_id: id, revoked_at: "2026-06-01T10:00:00Z" });
    await company.ask(julia);
    await company.nightly();
    const grants = await company.store.query<{ at: string; licence_key: null }>(
      "select to_char(revoked_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') as at, licence_key from benefit_grants order by id",
    );
    expect(grants).toEqual([
      { at: "2026-11-02 02:00", licence_key: null },
      { at: "2026-06-01 10:00", licence_key: null },
    ]);
  });

  test("003: clear any external_id: it can be used again at once, and its copy in metadata is gone too", async () => {
    company = await openCompany("polar");
    await formerCustomer(company);
    await company.ask(julia);
    await company.nightly();
    expect(await company.rows("customers", "external_id is not null")).toBe(0);
    expect(await company.value("select metadata ->> 'external_id' from subscriptions")).toBe("[erased]");
    await company.add("customers", { external_id: "usr_canary", email: "new@example.org" });
    expect(await company.rows("customers", "external_id = 'usr_canary'")).toBe(1);
  });

  test("003: use it only in the context of deleting a user: a request with another purpose is refused", async () => {
    company = await openCompany("polar");
    await formerCustomer(company);
    const { ref } = await addRequest(company.context, { ...julia, purpose: "clean-up" });
    const approved = await approveAll(company.context, { by: "dpo", planFor: planForApproval });
    expect(approved).toMatchObject({ approved: 0, refused: [ref] });
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "refused" }]);
    expect(await company.state.query("select reason, purpose from lethe.request")).toEqual([
      { reason: "purpose-not-allowed", purpose: "clean-up" },
    ]);
    expect(await company.state.query("select from lethe.request_identifier")).toEqual([]);
    expect(await company.rows("payment_methods")).toBe(1);
  });

  test("003: the customer's information will be retained for historic orders and subscriptions: what stays is listed, where, why, until when", async () => {
    company = await openCompany("polar");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    const stays = await company.state.query(
      "select table_name, column_name, rows, why, until from lethe.stay order by 2",
    );
    const rest = { table_name: "invoices", rows: 1, why: "shown on historic orders", until: "2035-01-01" };
    expect(stays).toEqual([
      { ...rest, column_name: "billing_name" },
      { ...rest, column_name: "billing_street" },
    ]);
    expect(await company.holds("canary")).toEqual(["invoices.billing_name", "invoices.billing_street"]);
    const [entry] = await company.state.query<{ body: string }>(
      "select body from lethe.ledger_entry where kind = 'request.erased'",
    );
    expect(JSON.parse(entry?.body ?? "{}")).toMatchObject({
      request: ref,
      outcomes: { shop: "retained" },
      stays: [{ column: "billing_name" }, {}],
    });
  });

  test("003: a missing scope (customers:write) is an error of configuration: it is said at once, changes nothing, and nothing is tried again the night after", async () => {
    company = await openCompany("polar");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    const [shop] = company.context.stores;
    if (shop === undefined) throw new Error("no store");
    const { closePool, openPool } = await import("#db/pool.ts");
    const role = company.store.name.replace("test", "reader");
    await company.store.query(`create role ${role} login password 'reader';
    grant select on all tables in schema public to ${role}; grant create on database ${company.store.name} to ${role}`);
    const url = new URL(company.store.url);
    [url.username, url.password] = [role, "reader"];
    const pool = openPool({ url: url.href, applicationName: "lethe", label: "shop" });
    try {
      const context = { ...company.context, stores: [{ ...shop, pool }] };
      for (const now of ["2026-11-02T02:00:00Z", "2026-11-03T02:00:00Z"]) {
        await expect(company.nightly({ ...context, clock: company.at(now).clock })).rejects.toMatchObject({
          code: "DATABASE_PRIVILEGE",
          hint: expect.stringMatching(/grant/i),
        });
        expect(await stepsOfNights(company)).toEqual(["run.finished", "run.started"]);
        expect(await company.state.query("select from lethe.batch")).toEqual([]);
        expect(await company.requests(ref)).toMatchObject([{ state: "approved", code: null }]);
        expect(await company.rows("customers", `email = '${julia.email}'`)).toBe(1);
      }
    } finally {
      await closePool(pool);
      await company.store.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  test("003: what stays is the customer's own: somebody else's row that names the person in the same column is no historic order of theirs", async () => {
    company = await openCompany("polar", {
      edit: (text) =>
        text.replace(
          "      metadata: { redact: identifiers }\n  invoice_lines",
          "      metadata: { stays: 'sent with the order' }\n  invoice_lines",
        ),
    });
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    const other = await company.add("customers", {});
    await company.add("invoices", { customer_id: other, metadata: `{"copy_to": "${julia.email}"}` });
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([
      { state: "failed", code: "RESIDUAL", detail: { table: "invoices", column: "metadata", rows: 2 } },
    ]);
    await company.store.query("update invoices set metadata = null where metadata ? 'copy_to'");
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "completed" }]);
  });
});
