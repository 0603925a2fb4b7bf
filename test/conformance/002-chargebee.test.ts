import { Temporal } from "temporal-polyfill";
import { afterEach, describe, expect, test } from "vitest";
import { withdrawRequest } from "#intake/decide.ts";
import { addRequest } from "#intake/requests.ts";
import { checkPolicies } from "#policy-check.ts";
import { formerCustomer, julia, openCompany, tonight, type Cell, type Company } from "#test/conformance/company.ts";

let company: Company;
afterEach(() => company.dispose());

const options =
  (values: Readonly<Record<string, boolean>>) =>
  (text: string): string =>
    Object.entries(values).reduce((edited, [name, value]) => {
      const changed = edited.replace(new RegExp(`${name}: (true|false)`), `${name}: ${value}`);
      expect(changed).toContain(`${name}: ${value}`);
      return changed;
    }, text);
const blocking = options({
  unlink_hierarchy: false,
  remove_payments: false,
  remove_allocations: false,
  unlink_gifts: false,
});
const remedying = options({
  unlink_hierarchy: true,
  remove_payments: true,
  remove_allocations: true,
  unlink_gifts: true,
});

const afterGrace = Temporal.Instant.from(tonight).add({ minutes: 6 }).toString();
/** The night in which the deletion is scheduled, and the one after the minutes are over. */
const twoNights = async (): Promise<void> => {
  await company.nightly();
  await company.nightly(company.at(afterGrace));
};

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

type Other = (add: Company["add"], id: number, other: number) => Promise<unknown>;
const another = { email: "another@example.org" } as const;

/** Each constraint with the rows that violate it, and what is left of them after the remedy. */
const constraints: readonly {
  readonly sentence: string;
  readonly code: string;
  readonly rows: number;
  readonly make: Other;
  readonly left: readonly [query: string, value: Cell];
}[] = [
  {
    sentence: "the customer must not be a child in an account hierarchy",
    code: "CUSTOMER_IS_CHILD",
    rows: 1,
    make: (add, id) =>
      add("customers", { id: 900, email: "head@example.org" }).then(() =>
        company.store.query(`update customers set parent_id = 900 where id = ${id}`),
      ),
    left: ["select count(*) from customers where email = 'head@example.org'", 1],
  },
  {
    sentence: "the customer must not be the parent in an account hierarchy: of three children, three are unlinked",
    code: "CUSTOMER_IS_PARENT",
    rows: 3,
    make: async (add, id) => {
      for (let child = 0; child < 3; child += 1)
        await add("customers", { parent_id: id, email: `child${child}@example.org` });
    },
    left: ["select count(*) from customers where email like 'child%' and parent_id is null", 3],
  },
  {
    sentence: "the customer must not be the gifter of a gift subscription",
    code: "CUSTOMER_GAVE_GIFT",
    rows: 1,
    make: (add, id, other) => add("gifts", { gifter_id: id, recipient_id: other, message: "Yours, Julia Canary" }),
    left: ["select count(*) from gifts where gifter_id is null and message is null and recipient_id is not null", 1],
  },
  {
    sentence: "the customer must not be the recipient of a gift subscription",
    code: "CUSTOMER_RECEIVED_GIFT",
    rows: 1,
    make: (add, id, other) => add("gifts", { gifter_id: other, recipient_id: id, message: "Dear Julia" }),
    left: ["select count(*) from gifts where message like 'Dear Julia'", 0],
  },
  {
    sentence:
      "none of the customer's invoices may be paid by a different customer: only payments whose payer differs are removed",
    code: "INVOICE_PAID_BY_ANOTHER",
    rows: 1,
    make: async (add, id, other) => {
      const own = await add("invoices", { customer_id: id });
      await add("payments", { invoice_id: own, payer_id: other, amount: 11 });
      await add("payments", { invoice_id: own, payer_id: id, amount: 12 });
      const others = await add("invoices", { customer_id: other });
      await add("payments", { invoice_id: others, payer_id: other, amount: 13 });
      await add("payments", { invoice_id: others, payer_id: id, amount: 14 });
    },
    left: ["select string_agg(amount::text, ' ' order by amount) from payments", "13.00 14.00"],
  },
  {
    sentence: "none of the customer's credit notes may be allocated to an invoice that belongs to a different customer",
    code: "CREDIT_NOTE_ALLOCATED_TO_ANOTHER",
    rows: 1,
    make: async (add, id, other) => {
      const invoice = await add("invoices", { customer_id: other });
      const note = await add("credit_notes", { customer_id: id });
      await add("credit_note_allocations", { credit_note_id: note, invoice_id: invoice });
    },
    left: ["select count(*) from credit_note_allocations", 0],
  },
  {
    sentence: "no credit note of another customer may be allocated to one of the customer's own invoices",
    code: "CREDIT_NOTE_OF_ANOTHER",
    rows: 1,
    make: async (add, id, other) => {
      const invoice = await add("invoices", { customer_id: id });
      const note = await add("credit_notes", { customer_id: other });
      await add("credit_note_allocations", { credit_note_id: note, invoice_id: invoice });
    },
    left: ["select count(*) from credit_notes", 1],
  },
];

const open = async (edit: (text: string) => string, makes: readonly Other[]): Promise<string> => {
  company = await openCompany("chargebee", { edit });
  const id = await company.add("customers", julia);
  const other = await company.add("customers", another);
  for (const make of makes) await make(company.add, id, other);
  const [ref = ""] = await company.ask(julia);
  return ref;
};

const whole = async (): Promise<unknown> => {
  const tables = ["customers", "gifts", "invoices", "payments", "credit_notes", "credit_note_allocations"];
  const rows = await Promise.all(tables.map((table) => company.store.query(`select * from ${table} order by 1, 2`)));
  return rows;
};

describe("002 Chargebee: prerequisites and constraints", () => {
  test.each(constraints)("002: $sentence: blocks, with nothing changed", async ({ code, rows, make }) => {
    const ref = await open(blocking, [make]);
    const before = await whole();
    await twoNights();
    expect(await company.requests(ref)).toMatchObject([{ state: "blocked", code, detail: { rows } }]);
    expect(await whole()).toEqual(before);
  });

  test.each(constraints)("002: $sentence: or is remedied", async ({ code, rows, make, left: [query, value] }) => {
    const ref = await open(remedying, [make]);
    await twoNights();
    expect(await company.requests(ref)).toMatchObject([{ state: "completed", code: null }]);
    expect(await company.state.query("select code, rows from lethe.remedy")).toEqual([{ code, rows }]);
    expect(await company.value(query)).toEqual(value);
    expect(await company.rows("customers", `email = '${another.email}'`)).toBe(1);
    expect(await company.rows("customers", `email = '${julia.email}'`)).toBe(0);
  });

  test("002: all constraints at once: each is named while it blocks", async () => {
    const ref = await open(
      blocking,
      constraints.map(({ make }) => make),
    );
    const before = await whole();
    await twoNights();
    const [first, ...others] = constraints.map(({ code }) => code);
    expect(await company.requests(ref)).toMatchObject([
      { state: "blocked", code: first, detail: { also: expect.arrayContaining(others) } },
    ]);
    expect(await whole()).toEqual(before);
  });

  test("002: all constraints at once: all are remedied with the deletion, and recorded", async () => {
    const ref = await open(
      remedying,
      constraints.map(({ make }) => make),
    );
    await twoNights();
    expect(await company.requests(ref)).toMatchObject([{ state: "completed" }]);
    const done = await company.state.query("select code, rows from lethe.remedy order by code");
    expect(done).toEqual(
      constraints.map(({ code, rows }) => ({ code, rows })).toSorted((a, b) => (a.code < b.code ? -1 : 1)),
    );
    expect(await company.rows("customers")).toBe(5);
  });

  test("002: a remedy is undone with the batch when the deletion fails", async () => {
    const ref = await open(
      remedying,
      constraints.slice(0, 2).map(({ make }) => make),
    );
    await company.store.query(`create table legacy (customer_id bigint not null references customers);`);
    await company.store
      .query(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23514'; end $$;
      create trigger refuse before delete on customers for each row execute function refuse(); drop table legacy`);
    const before = await whole();
    await company.nightly();
    const [shape] = await company.requests(ref);
    // The trigger is a change of the schema: approve it, then run.
    if (shape?.code === "PLAN_CHANGED") {
      await company.approve(ref);
      await company.nightly();
    }
    await company.nightly(company.at(afterGrace));
    expect(await company.requests(ref)).toMatchObject([{ state: "failed", code: "CONSTRAINT_VIOLATED" }]);
    expect(await whole()).toEqual(before);
    expect(await company.state.query("select from lethe.remedy")).toEqual([]);
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
      { figure: "Refunds", before: "0", after: "0" },
    ]);
  });

  test.each([
    ["with", 1],
    ["without", 0],
  ])("002: returns customer and card: both are recorded, %s a card", async (_, cards) => {
    company = await openCompany("chargebee");
    const id = await company.add("customers", julia);
    for (let card = 0; card < cards; card += 1) await company.add("payment_methods", { customer_id: id });
    const [ref = ""] = await company.ask(julia);
    await twoNights();
    const lines = await company.dispositions(ref);
    expect(lines).toContain("erase customers 1 0");
    expect(lines.filter((line) => line.includes("payment_methods"))).toEqual(
      cards === 1 ? ["erase payment_methods 1 0"] : [],
    );
  });
});
