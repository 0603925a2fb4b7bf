import { describe, expect, it } from "vitest";
import type { Catalog } from "#catalog/catalog.ts";
import { draftPolicy, type PolicyDraft } from "#init/draft.ts";
import type { Samples } from "#init/guess-columns.ts";
import { renderPolicy } from "#init/render-policy.ts";
import { parsePolicy } from "#policy/parse.ts";
import type { Policy } from "#policy/policy.ts";
import { columnOf, makeCatalog } from "#test/init/make-catalog.ts";

const draft = (catalog: Catalog, samples: Samples = new Map(), subjectTable?: string): PolicyDraft =>
  draftPolicy({
    name: "shop",
    database: "shop",
    country: "DE",
    today: "2026-11-02",
    statute: undefined,
    catalog,
    samples,
    subjectTable,
  });

const policyFor = (catalog: Catalog, samples?: Samples, subjectTable?: string): Policy =>
  parsePolicy("shop.yaml", renderPolicy(draft(catalog, samples, subjectTable)));

const customers = { columns: ["email text!", "name text!"] };

describe("the subject", () => {
  it("is the table named like people to which most others refer, not the staff", () => {
    const catalog = makeCatalog({
      employees: { columns: ["email text!", "first_name text"] },
      customers: { ...customers, columns: [...customers.columns, "rep_id bigint"], refers: ["rep_id -> employees.id"] },
      invoices: { columns: ["customer_id bigint!", "issued_on date!"], refers: ["customer_id -> customers.id"] },
    });
    expect(draft(catalog).subject.table).toBe("customers");
    expect(draft(catalog, new Map(), "employees").subject.table).toBe("employees");
  });

  it("is asked for when no table is likely, and when the one named is not there", () => {
    const catalog = makeCatalog({ products: { columns: ["title text"] }, orders: { columns: [] } });
    expect(() => draft(catalog)).toThrow(
      expect.objectContaining({ code: "USAGE", hint: expect.stringContaining("--subject") }),
    );
    const thrown = expect.objectContaining({ code: "USAGE", hint: "did you mean --subject orders?" });
    expect(() => draft(catalog, new Map(), "order")).toThrow(thrown);
  });

  it("must have a key of one column", () => {
    const catalog = makeCatalog({ customers: { ...customers, primaryKey: ["id", "name"] } });
    expect(() => draft(catalog)).toThrow(expect.objectContaining({ code: "STORE_UNSUPPORTED" }));
  });
});

describe("the root's columns", () => {
  const catalog = makeCatalog({
    customers: {
      columns: [
        "email character varying(60)!",
        "login character varying(24)!",
        "name character varying(4)!",
        "phone text",
        "external_id uuid!",
        "birth_date date!",
        "last_ip inet!",
        "metadata jsonb!",
        "country text!",
        "code character varying(10)!",
      ],
      unique: [
        { name: "e", columns: ["email"] },
        { name: "l", columns: ["login"] },
        { name: "x", columns: ["external_id"] },
      ],
    },
  });
  const policy = policyFor(catalog);

  it("are removed as far as NOT NULL, UNIQUE, type and length allow", () => {
    expect(policy.tables["customers"]).toMatchObject({
      treatment: "anonymise",
      columns: {
        id: { kind: "keep" },
        email: { kind: "unique", template: "erased-{random}@invalid" },
        login: { kind: "unique", template: "{random}" },
        name: { kind: "constant", value: "eras" },
        phone: { kind: "null" },
        external_id: { kind: "unique", template: "000000000000{random}" },
        birth_date: { kind: "truncate", to: "year" },
        last_ip: { kind: "constant", value: "0.0.0.0" },
        metadata: { kind: "redact" },
        country: { kind: "keep" },
        code: { kind: "keep" },
      },
    });
  });

  it("name the person across stores when they are removed", () => {
    expect(policy.subject.identifiers).toEqual({ email: "email", phone: "phone", external_id: "external_id" });
    expect(policy.subject.names).toEqual(["login", "name"]);
  });
});

describe("treatments", () => {
  it("follow the table's name and the way to the subject", () => {
    const policy = policyFor(
      makeCatalog({
        customers,
        invoices: {
          columns: ["customer_id bigint!", "issued_on date!", "street text"],
          refers: ["customer_id -> customers.id"],
        },
        invoice_lines: { columns: ["invoice_id bigint!", "amount numeric"], refers: ["invoice_id -> invoices.id"] },
        payment_methods: { columns: ["customer_id bigint!"], refers: ["customer_id -> customers.id"] },
        page_views: {
          columns: [
            "customer_id bigint",
            "occurred_at timestamp with time zone!",
            "country text",
            "amount numeric!",
            "url text",
          ],
        },
        products: { columns: ["title text"] },
        newsletter: { columns: ["email text"] },
        employees: { columns: ["email text"] },
      }),
    );
    const treatments = Object.fromEntries(
      Object.entries(policy.tables).map(([name, { treatment }]) => [name, treatment]),
    );
    expect(treatments).toEqual({
      customers: "anonymise",
      invoices: "retain",
      invoice_lines: "keep",
      payment_methods: "erase",
      page_views: "anonymise",
      products: "keep",
      newsletter: "keep",
      employees: "keep",
    });
    expect(policy.links).toEqual([
      { from: { table: "page_views", column: "customer_id" }, to: { table: "customers", column: "id" }, where: {} },
    ]);
    expect(policy.tables["invoices"]).toMatchObject({
      class: "voucher",
      clock: "issued_on",
      columns: { street: { kind: "null" } },
    });
    expect(policy.tables["page_views"]).toMatchObject({
      columns: { customer_id: { kind: "null" }, occurred_at: { kind: "truncate", to: "day" }, url: { kind: "null" } },
      analytics: {
        quasi: ["country"],
        k: 5,
        conserve: [{ measure: "count" }, { measure: "sum", column: "amount" }],
        clock: "occurred_at",
      },
    });
  });

  it("ask for review where an unconnected table looks personal", () => {
    const text = renderPolicy(draft(makeCatalog({ customers, newsletter: { columns: ["email text"] } })));
    expect(text).toMatch(/^ {2}newsletter: .*treatment: keep.*# review: looks personal: email; declare a link/m);
  });

  it("leave no row that stays referring to a row that goes", () => {
    const policy = policyFor(
      makeCatalog({
        customers: { columns: [...customers.columns, "home_id bigint"], refers: ["home_id -> addresses.id"] },
        addresses: { columns: ["street text"] },
        orders: {
          columns: ["customer_id bigint!", "placed_on date!", "address_id bigint", "token_id bigint!"],
          refers: ["customer_id -> customers.id", "address_id -> addresses.id", "token_id -> payment_tokens.id"],
        },
        payment_tokens: { columns: ["customer_id bigint!", "token text!"], refers: ["customer_id -> customers.id"] },
        sessions: { columns: ["customer_id bigint!"], refers: ["customer_id -> customers.id"] },
        session_steps: { columns: ["session_id bigint!"], refers: ["session_id -> sessions.id"] },
      }),
    );
    expect(policy.tables["addresses"]?.treatment).toBe("erase");
    expect(policy.tables["customers"]).toMatchObject({ columns: { home_id: { kind: "null" } } });
    expect(policy.tables["orders"]).toMatchObject({
      treatment: "retain",
      columns: { address_id: { kind: "null" }, token_id: { kind: "keep" } },
    });
    expect(policy.tables["payment_tokens"]).toMatchObject({
      treatment: "anonymise",
      columns: { token: { kind: "constant" } },
    });
    expect(policy.tables["session_steps"]?.treatment).toBe("erase");
  });

  it("find audit tables, and empty the copies of rows in them", () => {
    const policy = policyFor(
      makeCatalog({ customers, audit_log: { columns: ["table_name text!", "row_id text!", "old_row jsonb"] } }),
    );
    expect(policy.links).toEqual([
      {
        from: { table: "audit_log", column: "row_id" },
        to: { table: "customers", column: "id" },
        where: { table_name: "customers" },
      },
    ]);
    expect(policy.tables["audit_log"]).toMatchObject({
      treatment: "anonymise",
      columns: { old_row: { kind: "null" }, row_id: { kind: "keep" } },
    });
  });

  it("block on live subscriptions, naming only states from a fixed list", () => {
    const catalog = makeCatalog({
      customers,
      subscriptions: { columns: ["customer_id bigint!", "status text!"], refers: ["customer_id -> customers.id"] },
    });
    const samples: Samples = new Map([
      ["subscriptions", new Map([["status", ["active", "ada@example.com", "cancelled"]]])],
    ]);
    expect(policyFor(catalog, samples).blockers).toEqual([
      expect.objectContaining({
        code: "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS",
        table: "subscriptions",
        when: { status: { in: ["active"] } },
      }),
    ]);
    expect(renderPolicy(draft(catalog, samples))).not.toContain("ada");
  });
});

it("names that YAML would misread come through whole", () => {
  const odd = ["yes text", "Order-No: text", "it's text", "#x text", "null text", "a\nb text", "1e3 text"];
  const catalog = makeCatalog({
    customers: { columns: [...customers.columns] },
    "Order Details": { columns: [], refers: ["id -> customers.id"] },
  });
  const table = catalog.tables.get("customers");
  if (table === undefined) throw new Error("no table");
  const columns = [
    ...table.columns,
    ...odd.map((text) => ({ ...columnOf("x text"), name: text.replace(/ text$/, "") })),
  ];
  const policy = policyFor({ ...catalog, tables: new Map([...catalog.tables, ["customers", { ...table, columns }]]) });
  const rule = policy.tables["customers"];
  expect(Object.keys(rule?.treatment === "anonymise" ? rule.columns : {}).toSorted()).toEqual(
    columns.map(({ name }) => name).toSorted(),
  );
  expect(policy.tables["Order Details"]).toBeDefined();
});
