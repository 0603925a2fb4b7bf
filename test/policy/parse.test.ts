import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { isLetheError, type LetheError } from "#lib/errors.ts";
import { loadPolicy } from "#policy/load.ts";
import { parsePolicy } from "#policy/parse.ts";
import { shopPolicy } from "#test/policy/shop-policy.ts";

const parsed = parsePolicy("shop.yaml", shopPolicy);

const failure = (text: string): LetheError => {
  try {
    parsePolicy("shop.yaml", text);
  } catch (error) {
    if (isLetheError(error)) return error;
    throw error;
  }
  throw new Error("was accepted");
};

const changed = (from: string, to: string): string => {
  expect(shopPolicy).toContain(from);
  return shopPolicy.replace(from, to);
};

const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split("\n").length;

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

  it.each([
    ["an unknown key", "version: 3", "version: 3\nverison: 3", "unknown key `verison`", "verison"],
    [
      "an unknown key of a treatment",
      "treatment: erase, owner: customer_id",
      "treatment: erase, onwer: customer_id",
      "unknown key `onwer`",
      "onwer",
    ],
    ["an unknown transform", "{ truncate: year }", "{ trunacte: year }", "unknown key `trunacte`", "trunacte"],
    ["two transforms at once", "{ set: null }", "{ set: null, truncate: day }", "exactly one of", "{ set: null, t"],
    ["an empty transform", "{ set: null }", "{}", "exactly one of", "{}"],
    ["a transform that is a word", "plan: keep", "plan: drop", "expected `keep` or a mapping", "drop"],
    [
      "an unknown treatment",
      "addresses: { treatment: erase",
      "addresses: { treatment: delete",
      "expected one of `erase`",
      "delete",
    ],
    ["a keep without a reason", ", reason: no personal data", "", "missing key `reason`", "{ treatment: keep"],
    ["a class that is not described", "class: voucher", "class: vouchers", "no such retention class", "vouchers"],
    ["a period in weeks", "P8Y", "P8W", "years, months or days", "P8W"],
    ["a negative period", "P8Y", "-P8Y", "years, months or days", "-P8Y"],
    ["no random part", "erased-{random}@invalid", "erased@invalid", "`{random}` exactly once", "'erased@invalid'"],
    ["two random parts", "erased-{random}@invalid", "{random}{random}", "`{random}` exactly once", "'{random}{"],
    ["a quasi-identifier that is not listed", "quasi: [city,", "quasi: [town,", "`town` is not listed", "town"],
    ["a conserved column that is not listed", "sum(amount)", "sum(total)", "`total` is not listed", "sum(total)"],
    ["a conserved column that is changed", "amount: keep", "amount: { set: 0 }", "must be `keep`", "{ set: 0 }"],
    ["a conserved measure nobody knows", "sum(amount)", "avg(amount)", "`count` or `sum(column)`", "avg"],
    [
      "an analytics clock that is not listed",
      "clock: occurred_at",
      "clock: happened_at",
      "`happened_at` is not listed",
      "happened_at",
    ],
    [
      "a clock that loses its month",
      "{ truncate: day }",
      "{ truncate: year }",
      "must stay in its month",
      "{ truncate: year }\n      city",
    ],
    [
      "a retention clock that is not listed",
      "clock: issued_on",
      "clock: issued",
      "the clock is not listed",
      "issued\n",
    ],
    [
      "a retention clock that is changed",
      "issued_on: keep",
      "issued_on: { set: null }",
      "must be `keep`",
      "{ set: null }, customer_name",
    ],
    ["k of one", "k: 10", "k: 1", "at least 2", "1\n    conserve"],
    ["k without quasi-identifiers", "    quasi: [city, plan]\n", "", "`quasi`, which is missing", "10"],
    [
      "k on a table that is erased",
      "addresses: { treatment: erase",
      "addresses: { treatment: erase, k: 5",
      "`anonymise`",
      "k: 5",
    ],
    [
      "a table that stands twice",
      "  addresses:",
      "  devices: { treatment: erase }\n  addresses:",
      "stands twice",
      "devices: { treatment: erase, owner",
    ],
    ["a table with the prefix public", "  addresses:", "  public.addresses:", "without `public.`", "public.addresses"],
    ["a version of zero", "version: 3", "version: 0", "at least 1", "0"],
    ["a version that is no whole number", "version: 3", "version: 1.5", "whole number", "1.5"],
    ["a day that does not exist", "2026-11-01", "2026-02-30", "expected a date", "2026-02-30"],
    ["a consequence that is none", "then: block", "then: halt", "expected `block`", "halt"],
    ["a condition with two comparisons", "{ gte: 1 }", "{ gte: 1, lt: 5 }", "exactly one of gt", "{ gte"],
    ["a link without a column", "customers.external_id", "customers", "expected `table.column", "sessions.user_ref"],
    [
      "no rule for the subject's table",
      "table: customers\n",
      "table: people\n",
      "no rule for the subject's own table",
      "people",
    ],
    ["an identifier that is not listed", "phone: phone }", "phone: mobile }", "`mobile` is not listed", "mobile"],
    ["an identifier that is kept", "phone: { set: null }", "phone: keep", "cannot be `keep`", "keep\n      first_name"],
    ["an alias", "version: 3", "version: &v 3\nx: *v", "aliases are not supported", "*v"],
    ["a tag", "version: 3", "version: !!binary 3", "", "!!binary"],
  ])("refuses %s, at its line", (_, from, to, expected, at) => {
    const text = changed(from, to);
    const error = failure(text);
    expect(error.code).toBe("POLICY_INVALID");
    expect(error.message).toContain(expected);
    expect(error.message.split("\n")).toHaveLength(1);
    expect(error.place?.line).toBe(lineOf(text, at));
  });

  it.each(["01234", "007", "9007199254740993", "1.10", "0x10", "+5", "0.1234567890123456789"])(
    "refuses the number %s, which would be read as another text, at its place, and takes it in quotes",
    (number) => {
      const text = changed("{ gte: 1 }", `[5, -2, 0.5, ${number}]`);
      const error = failure(text);
      expect([error.code, error.message, error.hint]).toEqual([
        "POLICY_INVALID",
        "blockers.0.when.seats.3: as a number it would not be what is written",
        "put it in quotes",
      ]);
      expect(error.place?.line).toBe(lineOf(text, number));
      expect(text.split("\n")[(error.place?.line ?? 0) - 1]?.slice((error.place?.column ?? 0) - 1)).toMatch(
        `${number}]`,
      );
      expect(parsePolicy("p", text.replace(number, `'${number}'`)).blockers[0]?.when["seats"]).toEqual({
        in: [5, -2, 0.5, number],
      });
    },
  );

  it("suggests the key, the class or the column that was meant", () => {
    expect(failure(changed("version: 3", "verison: 3")).message).toContain(
      "unknown key `verison` (did you mean `version`?)",
    );
    expect(failure(changed("{ truncate: year }", "{ trunacte: year }")).hint).toBe("did you mean `truncate`?");
    expect(failure(changed("class: voucher", "class: vouchers")).hint).toBe("did you mean `voucher`?");
    expect(failure(changed("quasi: [city,", "quasi: [ctiy,")).hint).toBe("did you mean `city`?");
  });

  it("lists several mistakes with the place of each", () => {
    const error = failure(
      changed("version: 3", "version: 0").replace("P8Y", "8Y").replace("then: block", "then: stop"),
    );
    const lines = error.message.split("\n");
    expect(lines[0]).toBe("version: must be at least 1 (and 2 more)");
    expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual([
      "shop.yaml:2:10",
      "shop.yaml:14:50",
      "shop.yaml:50:11",
    ]);
  });

  it("never fails with anything but POLICY_INVALID, whatever the text", () => {
    const pieces = fc.constantFrom(
      ...shopPolicy.split(/(?<=[\s:{}[\],])/),
      "*a",
      "&a",
      "? ",
      "<<: ",
      "\t",
      "---\n",
      "'",
      '"',
    );
    const documents = fc.oneof(
      fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join("")),
      fc.string(),
      fc.json(),
    );
    fc.assert(
      fc.property(documents, (text) => failure(text).code === "POLICY_INVALID"),
      { numRuns: 300 },
    );
  });
});

describe("loadPolicy", () => {
  it("reads the file, or says that it is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lethe-policy-"));
    try {
      await writeFile(join(folder, "shop.yaml"), `\u{feff}${shopPolicy}`);
      expect((await loadPolicy(join(folder, "shop.yaml"))).digest).toBe(parsed.digest);
      await expect(loadPolicy(join(folder, "none.yaml"))).rejects.toMatchObject({ code: "POLICY_MISSING" });
      await expect(loadPolicy(folder)).rejects.toMatchObject({ code: "POLICY_INVALID" });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
