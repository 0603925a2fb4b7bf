import { afterEach, describe, expect, test } from "vitest";
import { withdrawRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { checkPolicies } from "#policy-check.ts";
import { afterGrace, another, options, scheduledAndDone } from "#test/conformance/chargebee.ts";
import { formerCustomer, julia, openCompany, type Company } from "#test/conformance/company.ts";

let company: Company;
afterEach(() => company.dispose());

/** The night in which the deletion is scheduled, and the one after the minutes are over. */
const twoNights = (): Promise<void> => scheduledAndDone(company);

describe("002 Chargebee: scheduled", () => {
  test("002: the operation schedules the customer for deletion, and it is permanently deleted after a few minutes", async () => {
    company = await openCompany("chargebee");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "scheduled" }]);
    const [request] = await company.state.query<{ scheduled_for: string }>("select scheduled_for from lethe.request");
    expect(request?.scheduled_for).toMatch(/^2026-11-02T02:05:0/);
    expect(await company.rows("customers", `email = '${julia.email}'`)).toBe(1);
    await company.nightly(company.at("2026-11-02T02:04:00Z"));
    expect(await company.requests(ref)).toMatchObject([{ state: "scheduled" }]);
    await company.nightly(company.at(afterGrace));
    expect(await company.requests(ref)).toMatchObject([{ state: "erased" }]);
    expect(await company.rows("customers")).toBe(0);
  });

  test("002: scheduled deletion can be withdrawn until it is due, and leaves everything as it was", async () => {
    company = await openCompany("chargebee");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    await withdrawRequest(company.context, ref, { by: "dpo" });
    await company.nightly(company.at(afterGrace));
    expect(await company.requests(ref)).toMatchObject([{ state: "withdrawn" }]);
    expect(await company.rows("customers", `email = '${julia.email}'`)).toBe(1);
    expect(await company.rows("payment_methods")).toBe(1);
  });

  test("002: idempotency supported: asked twice, and run twice, it has one effect", async () => {
    company = await openCompany("chargebee");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    expect(await addRequest(company.context, julia)).toEqual({ ref, repeated: true });
    await twoNights();
    await company.nightly(company.at("2026-11-02T02:10:00Z"));
    const committed = await company.state.query("select from lethe.ledger_entry where kind = 'batch.committed'");
    expect(committed).toHaveLength(1);
    expect(await company.rows("lethe.journal_batch")).toBe(1);
  });

  test("002: consider canceling or pausing the subscriptions instead: a remedy that only ends them, and the customer stays", async () => {
    company = await openCompany("flexportal", {
      edit: (text) =>
        text.replace(
          "    then: block\n    hint: cancel subscriptions first",
          "    then: { set: { status: cancelled, ended_on: { now: if-null } } }",
        ),
    });
    const id = await company.add("customers", julia);
    await company.add("subscriptions", { customer_id: id, status: "active" });
    const [ref = ""] = await company.ask(julia);
    await company.nightly();
    expect(await company.requests(ref)).toMatchObject([{ state: "archived" }]);
    expect(await company.store.query("select status, ended_on from subscriptions")).toEqual([
      { status: "cancelled", ended_on: "2026-11-02" },
    ]);
    expect(await company.rows("customers", `email = '${julia.email}'`)).toBe(1);
  });
});

describe("002 Chargebee: impacts", () => {
  test("002: all the subscriptions, invoices and credit notes belonging to the customer are deleted", async () => {
    company = await openCompany("chargebee");
    await formerCustomer(company);
    const [ref = ""] = await company.ask(julia);
    await twoNights();
    for (const table of [
      "subscriptions",
      "invoices",
      "invoice_lines",
      "payments",
      "credit_notes",
      "credit_note_allocations",
    ]) {
      expect([table, await company.rows(table)]).toEqual([table, 0]);
    }
    expect(await company.state.query("select outcome from lethe.outcome")).toEqual([{ outcome: "anonymised" }]);
    expect(await company.holds("canary")).toEqual([]);
    expect(await company.requests(ref)).toMatchObject([{ state: "erased" }]);
  });

  test("002: unless a statutory period holds them: then the policy check says so, naming the law", async () => {
    company = await openCompany("chargebee", {
      edit: (text) => text.replaceAll(/\n {4}decided:.*(\n {8}\{.*\})?/g, ""),
    });
    const [shop] = company.context.stores;
    if (shop === undefined) throw new Error("no store");
    const [check] = await checkPolicies(company.context);
    const statutory = check?.findings.filter(({ code }) => code === "POLICY_STATUTORY") ?? [];
    expect(statutory.map(({ message }) => message.split(" ")[0] ?? "").toSorted()).toEqual([
      "credit_note_allocations",
      "credit_notes",
      "invoice_lines",
      "invoices",
      "payments",
    ]);
    expect(statutory[0]?.message).toContain("HGB §257");
    expect(statutory[0]?.place.line).toBeGreaterThan(1);
    expect(statutory[0]?.hint).toContain("decided");
  });

  test.each([
    [true, [{ recipient: "payment gateway", task: "delete_payment_method", reference: "pm_canary", state: "open" }]],
    [false, []],
  ])(
    "002: payment sources are deleted and also removed from the gateway, if delete_payment_method = %s",
    async (flag, expected) => {
      company = await openCompany("chargebee", { edit: options({ delete_payment_method: flag }) });
      await formerCustomer(company);
      await company.ask(julia);
      await twoNights();
      expect(await company.rows("payment_methods")).toBe(0);
      expect(await company.state.query("select recipient, task, reference, state from lethe.task")).toEqual(expected);
      expect(await company.rows("lethe.journal_task")).toBe(0);
    },
  );

  test("002: the numbers in six reports are modified: before and after, taken in one transaction", async () => {
    company = await openCompany("chargebee");
    await formerCustomer(company);
    const id = await company.value(`select id from customers where email = '${julia.email}'`);
    const refunded = await company.add("invoices", { customer_id: Number(id), total: 0 });
    await company.add("payments", { invoice_id: refunded, payer_id: Number(id), status: "refunded", amount: 20 });
    const other = await company.add("customers", another);
    await company.add("subscriptions", { customer_id: other, status: "active" });
    const invoice = await company.add("invoices", { customer_id: other, total: 100 });
    await company.add("payments", { invoice_id: invoice, payer_id: other, amount: 100 });
    await company.ask(julia);
    await twoNights();
    expect(await company.state.query("select figure, before, after from lethe.figure order by position")).toEqual([
      { figure: "Payments", before: "149.00", after: "100.00" },
      { figure: "New Revenue", before: "149.00", after: "100.00" },
      { figure: "Signups", before: "2", after: "1" },
      { figure: "Activations", before: "2", after: "1" },
      { figure: "Cancellations", before: "1", after: "0" },
      { figure: "Refunds", before: "20.00", after: "0" },
    ]);
  });

  test("002: returns customer and card: both are recorded, with a card and without one", async () => {
    company = await openCompany("chargebee");
    const id = await company.add("customers", julia);
    await company.add("payment_methods", { customer_id: id });
    await company.add("customers", another);
    const [withCard = "", without = ""] = await company.ask(julia, another);
    await twoNights();
    for (const [ref, cards] of [
      [withCard, ["erase payment_methods 1 0"]],
      [without, []],
    ] as const) {
      const lines = await company.dispositions(ref);
      expect(lines).toContain("erase customers 1 0");
      expect(lines.filter((line) => line.includes("payment_methods"))).toEqual(cards);
    }
  });
});
