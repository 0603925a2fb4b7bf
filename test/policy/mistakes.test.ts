import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePolicy } from "#policy/parse.ts";
import { changed, failure, lineOf, shopPolicy } from "#test/policy/shop-policy.ts";

describe("parsePolicy", () => {
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
    [
      "a conserved measure nobody knows",
      "sum(amount)",
      "avg(amount)",
      "`count`, `sum(column)` or `distinct(column)`",
      "avg",
    ],
    [
      "nameless rows that nothing tells",
      "    k: 10",
      "    k: 10\n    anonymity_set: nameless",
      "no column says the same in every treated row",
      "nameless",
    ],
    ["a dimension that is not listed", "conserve: [", "by: [town]\n    conserve: [", "`town` is not listed", "town"],
    [
      "a dimension that does not stay",
      "per: month\n    columns:",
      "per: month\n    by: [note]\n    columns:\n      note: { set: null }",
      "does not stay",
      "note]",
    ],
    [
      "a dimension that says who somebody is",
      "per: month\n    columns:",
      "per: month\n    by: [name]\n    columns:\n      name: { stays: on purpose }",
      "personal data that stays, and each total by it",
      "[name]",
    ],
    [
      "different values of a column that is changed",
      "sum(amount)",
      "distinct(city)",
      "different values are counted must be `keep`",
      "{ generalise",
    ],
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
      "an exchange within what is not listed",
      "plan: keep",
      "plan: { shuffle: [citty] }",
      "`citty` is not listed",
      "{ shuffle",
    ],
    [
      "an identifier of somebody else",
      "phone: { set: null }",
      "phone: { shuffle: [] }",
      "it would name somebody else",
      "{ shuffle",
    ],
    [
      "a record with another number",
      "customer_name: keep",
      "customer_name: { rekey: random }",
      "only rows that are anonymised",
      "random },",
    ],
    [
      "a record with another day",
      "customer_name: keep",
      "customer_name: { shuffle: [] }",
      "only rows that are anonymised",
      "[] },",
    ],
    [
      "a record with another amount",
      "customer_name: keep",
      "customer_name: { mean: [] }",
      "only rows that are anonymised",
      "[] },",
    ],
    ["an order that is none", "per: month", "per: month\n    order: sorted", "random", "sorted"],
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
    [
      "what is sensitive and not listed",
      "    k: 10",
      "    k: 10\n    sensitive: [amout]\n    l: 2",
      "`amout` is not listed",
      "amout",
    ],
    [
      "what is sensitive and asked for nothing",
      "    k: 10",
      "    k: 10\n    sensitive: [amount]",
      "nothing is asked of it",
      "amount]",
    ],
    [
      "what is sensitive and a quasi-identifier",
      "    k: 10",
      "    k: 10\n    sensitive: [plan]\n    l: 2",
      "is in `quasi` as well",
      "plan]\n    l",
    ],
    ["l of nothing", "    k: 10", "    k: 10\n    l: 2", "l is measured of `sensitive`", "2\n    conserve"],
    ["t of nothing", "    k: 10", "    k: 10\n    t: 0.2", "t is measured of `sensitive`", "0.2"],
    ["t above one", "    k: 10", "    k: 10\n    sensitive: [amount]\n    t: 1.2", "at most 1", "1.2"],
    [
      "a week where months are added up",
      "{ truncate: day }",
      "{ truncate: week }",
      "must stay in its month",
      "{ truncate: week }",
    ],
    ["a band of no width", "amount: keep", "amount: { band: { width: 0 } }", "width", "0 } }"],
    [
      "ends that cross",
      "amount: keep",
      "amount: { code: { bottom: 2, top: 1 } }",
      "`bottom` is above `top`",
      "{ bottom: 2",
    ],
    ["no end at all", "amount: keep", "amount: { code: {} }", "`bottom`, `top` or both", "{} }"],
    ["a mean within what is not listed", "amount: keep", "amount: { mean: [paln] }", "`paln` is not listed", "[paln]"],
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

  it.each([
    ["generalised, which is not the same twice", "{ notes: { generalise: { map: { a: b }, otherwise: c } } }"],
    ["given a random value", "{ notes: { unique: 'gone-{random}' } }"],
  ])("refuses that old rows are %s, at its place", (_, expired) => {
    const text = changed("    clock: issued_on", `    clock: issued_on\n    expired: ${expired}`);
    const error = failure(text);
    expect([error.code, error.message]).toEqual([
      "POLICY_INVALID",
      "tables.invoices.expired.notes: old rows can be set or truncated, and nothing else: what is done again every night has to come out the same",
    ]);
    expect(error.place?.line).toBe(lineOf(text, expired));
  });

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

  it.each([
    ["other: { city: other, plan: other }", "other: { city: other }", "does not say what `plan` is"],
    ["other: { city: other, plan: other }", "other: { city: other, plan: other, amount: 0 }", "no column of `quasi`"],
    ["sums: { amount: total }", "sums: { amout: total }", "`amout` is not listed"],
    ["sums: { amount: total }, ", "", "nothing keeps it: add `amount` to `aggregate.sums`"],
    ["period: month, ", "", "`clock` says which period a row is of"],
    ["plan: keep", "plan: { shuffle: [] }", "a class is told by it"],
    ["plan: keep", "plan: { unique: 'p{random}' }", "a class is told by it"],
    ["    k: 10", "    k: 10\n    order: random", "no row stays of which it could be asked"],
    ["    k: 10", "    k: 10\n    late: suppress", "puts rows of too few people into one class already"],
  ])("counts that go somewhere else: %s as %s", (from, to, what) => {
    const aggregate =
      "aggregate: { into: counts, count: events, period: month, sums: { amount: total }, other: { city: other, plan: other } }";
    const text = changed("    conserve: [count, sum(amount)]", `    conserve: [count, sum(amount)]\n    ${aggregate}`);
    expect(parsePolicy("p", text).tables["events"]).toMatchObject({
      aggregate: { into: "counts", among: 10, period: "month" },
    });
    expect(text).toContain(from);
    expect(failure(text.replace(from, to)).message).toContain(what);
  });
});
