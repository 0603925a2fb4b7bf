import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import { lawOf, parseLaw, readLaw, type Under } from "#policy/law.ts";
import { parsePolicy } from "#policy/parse.ts";

const versions = readLaw();
const germany = (on: string, more: Partial<Under> = {}): Under => ({
  versions,
  country: "DE",
  sector: undefined,
  yearBegins: "01-01",
  on: Temporal.PlainDate.from(on),
  ...more,
});

describe("the law of a day", () => {
  test("a new version holds from its day on: German vouchers for eight years instead of ten since 2025", () => {
    expect(lawOf(germany("2024-12-31"), "voucher")).toMatchObject({ period: "P10Y" });
    expect(lawOf(germany("2025-01-01"), "voucher")).toMatchObject({ period: "P8Y" });
    expect(lawOf(germany("1990-01-01"), "voucher")).toBeUndefined();
  });

  test("says something else to banks and insurers where it does, with its own citation", () => {
    const law = lawOf(germany("2026-11-02", { sector: "banking-or-insurance" }), "voucher");
    expect(law).toMatchObject({ period: "P10Y", citation: expect.stringContaining("EGAO art. 97") });
    expect(lawOf(germany("2026-11-02", { sector: "banking-or-insurance" }), "letters")).toMatchObject({
      period: "P6Y",
    });
  });

  test("every class that ships has a citation, and those that a lawyer has to confirm say so", () => {
    for (const { citation } of versions) expect(citation).not.toBe("");
    expect(versions.filter(({ verify }) => verify).map(({ jurisdiction }) => jurisdiction)).toEqual([
      "CH",
      "ES",
      "GB",
      "NL",
    ]);
  });
});

const version = (change: string): string =>
  `- jurisdiction: DE
  class: voucher
  start: the voucher was made
  anchor: end-of-calendar-year
  period: P8Y
  citation: HGB §257
  valid: { from: 2025-01-01 }
${change}`;

test.each([
  ["a class without a citation", version("").replace("  citation: HGB §257\n", ""), "missing key `citation`"],
  [
    "a period of months and hours mixed",
    version("").replace("P8Y", "P8MT5H"),
    "expected an ISO 8601 duration of years, months or days",
  ],
  [
    "a version that ends before it begins",
    version("").replace("from: 2025-01-01", "from: 2025-01-01, to: 2024-01-01"),
    "ends before it begins",
  ],
  [
    "two versions at a time",
    version(version("").replace("2025-01-01", "2026-01-01")),
    "DE voucher is in force twice on some days",
  ],
])("%s is refused, with its place", (_what, text, message) => {
  const refused = (): unknown => parseLaw("retention-classes.yaml", text);
  expect(refused).toThrow(message);
  expect(refused).toThrow(
    expect.objectContaining({ code: "POLICY_INVALID", place: expect.objectContaining({ line: expect.any(Number) }) }),
  );
});

describe("a policy's class of the law", () => {
  const policy = (written: string, under = germany("2026-11-02")) =>
    parsePolicy(
      "shop.yaml",
      `policy: shop
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: customers, key: id, identifiers: { email: email } }
classes:
  voucher: ${written}
tables:
  customers: { treatment: erase }
  invoices: { treatment: retain, class: voucher, clock: issued_on, columns: { issued_on: keep } }
`,
      under,
    );

  test("is what the law says to the controller on the day", () => {
    const { classes } = policy("{ law: voucher }", germany("2026-11-02", { yearBegins: "07-01" }));
    expect(classes["voucher"]).toMatchObject({
      period: "P8Y",
      anchor: "end-of-calendar-year",
      yearBegins: "07-01",
      basis: expect.stringContaining("HGB §257"),
    });
    expect(policy("{ law: voucher, jurisdiction: AT }").classes["voucher"]).toMatchObject({
      period: "P7Y",
      basis: "BAO §132(1)",
    });
  });

  test("is another policy, by its digest, when the law changes; what the policy says itself is not", () => {
    expect(policy("{ law: voucher }", germany("2024-12-31")).digest).not.toBe(policy("{ law: voucher }").digest);
    const own = "{ basis: HGB §257, period: P8Y, anchor: end-of-calendar-year }";
    expect(policy(own, germany("2024-12-31")).digest).toBe(policy(own).digest);
  });

  test("may be kept longer, for a reason that is given", () => {
    const { classes } = policy("{ law: voucher, period: P10Y, why: guarantees run for ten years }");
    expect(classes["voucher"]).toMatchObject({
      period: "P10Y",
      law: { period: "P8Y", longer: "guarantees run for ten years" },
    });
  });

  test.each([
    ["a country without the class", "{ law: books, jurisdiction: IT }", "no such class is known to Lethe for IT"],
    ["a class that is misspelt", "{ law: vouchers }", "no such class is known to Lethe for DE"],
    ["a shorter period", "{ law: voucher, period: P95M, why: storage is dear }", "shorter than the law asks: 8 years"],
    ["a longer period without a reason", "{ law: voucher, period: P10Y }", "`period` and `why` go together"],
  ])("%s is refused, with its place", (_what, written, message) => {
    const refused = (): unknown => policy(written);
    expect(refused).toThrow(message);
    expect(refused).toThrow(
      expect.objectContaining({ code: "POLICY_INVALID", place: expect.objectContaining({ line: 7 }) }),
    );
  });

  test("a day on which no version is in force, and no country at all, are said to be so", () => {
    expect(() => policy("{ law: voucher }", germany("1990-01-01"))).toThrow(
      "no version of the class for DE is in force on 1990-01-01",
    );
    expect(() => policy("{ law: voucher }", germany("2026-11-02", { country: undefined }))).toThrow(
      "of which country?",
    );
  });
});
