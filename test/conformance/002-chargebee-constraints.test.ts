import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { afterGrace, another, options, scheduledAndDone } from "#test/conformance/chargebee.ts";
import { julia, openCompany, type Cell, type Company } from "#test/conformance/company.ts";

let company: Company;

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

type Other = (add: Company["add"], id: number, other: number) => Promise<unknown>;

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

/** Of each constraint one customer who violates it and no other, all in one company. Returns the references by code. */
const openOneForEach = async (edit: (text: string) => string): Promise<ReadonlyMap<string, string>> => {
  company = await openCompany("chargebee", { edit });
  const other = await company.add("customers", another);
  for (const { code, make } of constraints)
    await make(company.add, await company.add("customers", { email: emailFor(code) }), other);
  const refs = await company.ask(...constraints.map(({ code }) => ({ email: emailFor(code) })));
  return new Map(constraints.map(({ code }, index) => [code, refs[index] ?? ""]));
};
const emailFor = (code: string): string => `${code.toLowerCase()}@example.org`;

const whole = async (): Promise<unknown> => {
  const tables = ["customers", "gifts", "invoices", "payments", "credit_notes", "credit_note_allocations"];
  const rows = await Promise.all(tables.map((table) => company.store.query(`select * from ${table} order by 1, 2`)));
  return rows;
};

describe("002 Chargebee: each constraint blocks", () => {
  let refs: ReadonlyMap<string, string>;
  let before: unknown;
  beforeAll(async () => {
    refs = await openOneForEach(blocking);
    before = await whole();
    await scheduledAndDone(company);
  });
  afterAll(() => company.dispose());

  test.each(constraints)("002: $sentence: blocks, with nothing changed", async ({ code, rows }) => {
    const [request] = await company.requests(refs.get(code) ?? "");
    expect(request).toMatchObject({ state: "blocked", code, detail: { rows } });
    // By no other constraint that somebody in this company violates.
    const also = request?.detail?.["also"] ?? [];
    expect(constraints.filter((other) => also.includes(other.code))).toEqual([]);
    expect(await whole()).toEqual(before);
  });
});

describe("002 Chargebee: each constraint is remedied", () => {
  let refs: ReadonlyMap<string, string>;
  beforeAll(async () => {
    refs = await openOneForEach(remedying);
    await scheduledAndDone(company);
  });
  afterAll(() => company.dispose());

  test.each(constraints)("002: $sentence: or is remedied", async ({ code, rows, left: [query, value] }) => {
    const ref = refs.get(code) ?? "";
    expect(await company.requests(ref)).toMatchObject([{ state: "completed", code: null }]);
    const remedies = await company.state.query(
      "select m.code, m.rows from lethe.remedy m join lethe.request r on r.id = m.request_id where r.ref = $1",
      [ref],
    );
    expect(remedies).toEqual([{ code, rows }]);
    expect(await company.value(query)).toEqual(value);
    expect(await company.rows("customers", `email = '${another.email}'`)).toBe(1);
    expect(await company.rows("customers", `email = '${emailFor(code)}'`)).toBe(0);
  });
});

describe("002 Chargebee: prerequisites and constraints", () => {
  afterEach(() => company.dispose());

  test("002: all constraints at once: each is named while it blocks", async () => {
    const ref = await open(
      blocking,
      constraints.map(({ make }) => make),
    );
    const before = await whole();
    await scheduledAndDone(company);
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
    await scheduledAndDone(company);
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
    await company.store
      .query(`create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no' using errcode = '23514'; end $$;
      create trigger refuse before delete on customers for each row execute function refuse()`);
    const before = await whole();
    await company.nightly();
    // The trigger is a change of the schema, which wants an approval of its own.
    expect(await company.requests(ref)).toMatchObject([{ state: "verified", code: "PLAN_CHANGED" }]);
    await company.approve(ref);
    await company.nightly();
    await company.nightly(company.at(afterGrace));
    expect(await company.requests(ref)).toMatchObject([{ state: "failed", code: "CONSTRAINT_VIOLATED" }]);
    expect(await whole()).toEqual(before);
    expect(await company.state.query("select from lethe.remedy")).toEqual([]);
  });
});
