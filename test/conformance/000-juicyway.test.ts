import { mkdir, readdir } from "node:fs/promises";
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeNights } from "#test/backups/repository-files.ts";
import { formerCustomer, julia, openCompany, type Company } from "#test/conformance/company.ts";

describe("000 Juicyway, a former customer who asked on a night with backups", () => {
  let company: Company;
  let id: number;
  let ref: string;
  let before: unknown;
  const erased = [
    "addresses",
    "address_history",
    "payment_methods",
    "subscriptions",
    "benefit_grants",
    "sessions",
    "workflows",
  ];
  const counts = () => Promise.all(erased.map((table) => company.rows(table)));
  let had: readonly number[];
  const amounts = () =>
    company.store.query(`select 'invoices' as t, count(*) as n, sum(total) as sum from invoices
      union all select 'payments', count(*), sum(amount) from payments
      union all select 'credit_notes', count(*), sum(amount) from credit_notes
      union all select 'allocations', count(*), sum(amount) from credit_note_allocations order by 1`);

  beforeAll(async () => {
    company = await openCompany("juicyway", {
      backups: [{ name: "nightly", kind: "directory", store: "shop", path: "backups", keepDays: 30 }],
    });
    await mkdir(join(company.directory, "backups"));
    await writeNights(join(company.directory, "backups"), 40, "2026-11-02");
    id = await formerCustomer(company);
    await company.add("customers", { email: "living@example.org" });
    before = await amounts();
    had = await counts();
    [ref = ""] = await company.ask(julia);
    await company.nightly();
  });
  afterAll(() => company.dispose());

  test("000: customer profile information, saved payment methods and billing addresses are removed", async () => {
    expect(
      await company.store.query(`select first_name, phone, birth_date, company from customers where id = ${id}`),
    ).toEqual([{ first_name: "Erased", phone: null, birth_date: null, company: null }]);
    expect(await company.rows("payment_methods")).toBe(0);
    expect(await company.rows("addresses")).toBe(0);
  });

  test("000: transaction history references and subscription associations are removed, and a planted canary is nowhere", async () => {
    expect(await company.rows("subscriptions")).toBe(0);
    expect(await company.rows("invoices", "subscription_id is not null")).toBe(0);
    expect(await company.rows("devices", "customer_id is not null or subscription_id is not null")).toBe(0);
    expect(await company.holds("canary")).toEqual([]);
  });

  test("000: transaction records themselves are preserved: every row and every amount", async () => {
    expect(await amounts()).toEqual(before);
  });

  test("000: customer data is immediately removed from active systems: after this one night the rows are gone", async () => {
    expect(await company.state.query("select job, outcome from lethe.run")).toEqual([
      { job: "nightly", outcome: "done" },
    ]);
    const [request] = await company.requests(ref);
    expect(request).toMatchObject({ state: "erased", code: null });
    expect(had).toEqual(erased.map(() => 1));
    expect(await counts()).toEqual(erased.map(() => 0));
    expect(await company.rows("customers", `email = '${julia.email}' or last_name = 'Canary'`)).toBe(0);
  });

  test("000: backups are retained for 30 days, and until the last of them is gone an erased person can be recognised in a restore", async () => {
    expect(await company.state.query("select backups_clear_on from lethe.request")).toEqual([
      { backups_clear_on: "2026-12-02" },
    ]);
    expect((await readdir(join(company.directory, "backups"))).toSorted()[0]).toContain("2026-10-04");
    const mac = createHmac("sha256", company.context.keys.pseudonym).update(`email:${julia.email}`).digest();
    const known = await company.state.query("select expires_on from lethe.suppression where mac = $1", [mac]);
    expect(known).toEqual([{ expires_on: "2026-12-02" }]);
  });

  test("000: transaction records are maintained in compliance with financial regulations: basis and last day of each", async () => {
    const kept = await company.state.query(
      "select table_name, basis, until_last from lethe.disposition where treatment = 'retain' and table_name in ('invoices', 'payments') order by 1",
    );
    const basis = "HGB §257(1) no. 4, AO §147(1) no. 4";
    expect(kept).toEqual([
      { table_name: "invoices", basis, until_last: "2035-01-01" },
      { table_name: "payments", basis, until_last: "2035-01-01" },
    ]);
  });

  test("000: anonymised analytics may be retained: nothing leads from them to a person, and k is measured", async () => {
    expect(await company.rows("analytics_events")).toBe(7);
    expect(await company.rows("analytics_events", "session_ref is not null or url is not null")).toBe(0);
    const measured = await company.state.query("select table_name, k, threshold, rows from lethe.anonymity");
    expect(measured).toEqual([{ table_name: "analytics_events", k: 7, threshold: 5, rows: 7 }]);
  });

  test("000: audit logs are maintained: an entry for each step, without personal data", async () => {
    const entries = await company.state.query<{ kind: string; body: string }>(
      "select kind, body from lethe.ledger_entry order by index",
    );
    const steps = [
      "request.received",
      "request.approved",
      "plan.frozen",
      "request.erasing",
      "batch.committed",
      "request.erased",
      "backup.purged",
    ];
    expect(entries.map(({ kind }) => kind)).toEqual(expect.arrayContaining(steps));
    expect(JSON.stringify(entries)).not.toMatch(/canary|julia/i);
  });

  test("000: repeating the deletion finds nothing left to do", async () => {
    await company.nightly();
    expect(await amounts()).toEqual(before);
    expect(await company.requests(ref)).toMatchObject([{ state: "erased" }]);
  });
});
