import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { parsePolicy } from "#policy/parse.ts";
import { changed, lineOf, shopPolicy } from "#test/policy/shop-policy.ts";

const parsed = parsePolicy("shop.yaml", shopPolicy);

describe("parsePolicy", () => {
  it("reads the subject, its identifiers and names", () => {
    expect(parsed).toMatchObject({ name: "shop", version: 3, effective: "2026-11-01", owner: "dpo@shop.example" });
    expect(parsed.subject).toEqual({
      table: "customers",
      key: "id",
      identifiers: { email: "email", phone: "phone" },
      names: ["first_name"],
    });
  });

  it("reads both forms of a link, schemas included", () => {
    expect(parsed.links).toEqual([
      { from: { table: "sessions", column: "user_ref" }, to: { table: "customers", column: "external_id" }, where: {} },
      {
        from: { table: "crm.notes", column: "row_id" },
        to: { table: "customers", column: "id" },
        where: { table_name: "customers" },
      },
    ]);
  });

  it("reads the four treatments", () => {
    expect(parsed.tables["addresses"]).toEqual({ treatment: "erase", owner: undefined });
    expect(parsed.tables["devices"]).toEqual({ treatment: "erase", owner: ["customer_id"] });
    expect(parsed.tables["gifts"]).toEqual({ treatment: "erase", owner: ["giver_id", "taker_id"] });
    expect(parsed.tables["products"]).toEqual({
      treatment: "keep",
      owner: undefined,
      reason: "no personal data",
      personal: [],
    });
    expect(parsed.tables["invoices"]).toEqual({
      treatment: "retain",
      owner: undefined,
      class: "voucher",
      clock: "issued_on",
      columns: { issued_on: { kind: "keep" }, customer_name: { kind: "keep" }, notes: { kind: "redact" } },
    });
    expect(parsed.tables["customers"]).toEqual({
      treatment: "anonymise",
      owner: undefined,
      analytics: undefined,
      columns: {
        id: { kind: "keep" },
        email: { kind: "unique", template: "erased-{random}@invalid" },
        phone: { kind: "null" },
        first_name: { kind: "constant", value: "erased" },
        born_on: { kind: "truncate", to: "year" },
        marketing: { kind: "constant", value: false },
      },
    });
    expect(parsed.tables["events"]).toMatchObject({
      columns: { city: { kind: "generalise", map: { Berlin: "East", Bonn: "West" }, otherwise: "other" } },
      analytics: {
        quasi: ["city", "plan"],
        k: 10,
        conserve: [{ measure: "count" }, { measure: "sum", column: "amount" }],
        clock: "occurred_at",
        per: "month",
      },
    });
  });

  it("reads every kind of condition of a blocker", () => {
    expect(parsed.blockers).toEqual([
      {
        code: "CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS",
        table: "subscriptions",
        when: {
          status: { in: ["active", "trialing"] },
          kind: { in: ["gift"] },
          seats: { compare: "gte", value: 1 },
          ended_on: { isNull: true },
        },
        hint: "cancel them",
      },
    ]);
  });

  it("knows where everything stands, and the nearest place of what does not", () => {
    expect(parsed.placeOf(["tables", "invoices"])).toEqual({
      file: "shop.yaml",
      line: lineOf(shopPolicy, "  invoices:"),
      column: 3,
    });
    expect(parsed.placeOf(["tables", "customers", "columns", "phone"]).line).toBe(lineOf(shopPolicy, "      phone:"));
    expect(parsed.placeOf(["tables", "orders"])).toEqual(parsed.placeOf(["tables"]));
    expect(parsed.placeOf(["links", 1]).line).toBe(12);
  });

  it("gives a digest that comments, order and formatting do not change", () => {
    const again = stringify(parse(shopPolicy), { collectionStyle: "flow", sortMapEntries: true });
    expect(parsePolicy("other.yaml", `# agreed on Monday\n${again}`).digest).toBe(parsed.digest);
    expect(parsePolicy("shop.yaml", changed("k: 10", "k: 11")).digest).not.toBe(parsed.digest);
  });

  it("accepts whatever JSON form of a policy it accepted as YAML", () => {
    fc.assert(
      fc.property(fc.nat({ max: 8 }), (indent) => {
        expect(parsePolicy("p", JSON.stringify(parse(shopPolicy), undefined, indent)).digest).toBe(parsed.digest);
      }),
    );
  });

  it("shuffles a clock and what is summed within their period, everything else among all, and asks for the table's k", () => {
    const text = changed("occurred_at: { truncate: day }", "occurred_at: { shuffle: [city] }")
      .replace(
        "amount: keep",
        "amount: { shuffle: [] }\n      place: { shuffle: [] }\n      session: { rekey: random }",
      )
      .replace("    per: month", "    per: month\n    order: random");
    const rule = parsePolicy("shop.yaml", text).tables["events"];
    expect(rule).toMatchObject({
      reorder: { among: 10 },
      columns: {
        occurred_at: { kind: "shuffle", within: ["city"], among: 10, per: "month" },
        amount: { kind: "shuffle", within: [], among: 10, per: "month" },
        place: { kind: "shuffle", within: [], among: 10, per: undefined },
        session: { kind: "rekey" },
      },
    });
  });
});
