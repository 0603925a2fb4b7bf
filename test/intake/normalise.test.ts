import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalise } from "#intake/normalise.ts";
import { identifierKinds, type IdentifierKind } from "#records/request.ts";

const value = (kind: IdentifierKind, text: string, country = "DE"): string => {
  const result = normalise(kind, text, country);
  return result.ok ? result.identifier.value : result.code;
};

describe("an e-mail address", () => {
  test.each([
    ["  Julia.Winter+Shop@Example.COM ", "julia.winter+shop@example.com"],
    ["j.u.l.i.a@gmail.com", "j.u.l.i.a@gmail.com"],
    ["julia@Bücher.example", "julia@xn--bcher-kva.example"],
    ["Zoe\u0308@example.org", "zo\u00eb@example.org"],
    ["o'neil=x@mail.example.org", "o'neil=x@mail.example.org"],
  ])("is compared without case, in NFC, with an ASCII domain: %s", (text, expected) => {
    expect(value("email", text)).toBe(expected);
  });

  test.each([
    "",
    "julia",
    "@example.com",
    "julia@",
    "julia@localhost",
    "julia@127.0.0.1",
    "julia@[::1]",
    "julia@ex%61mple.com",
    "julia@example.com.",
    "a@b@example.com",
    "julia winter@example.com",
    "julia..winter@example.com",
    ".julia@example.com",
    "julia\u200b@example.com",
    "julia\u0000@example.com",
    `${"j".repeat(65)}@example.com`,
    `julia@${"a".repeat(64)}.com`,
    `julia@${"a.".repeat(200)}com`,
  ])("is refused when it is none: %j", (text) => {
    expect(value("email", text)).toBe("EMAIL_INVALID");
  });
});

describe("a phone number", () => {
  test.each([
    ["030 1234567", "DE", "+49301234567"],
    ["+49 (0)30 / 123-4567", "DE", "+49301234567"],
    ["0049301234567", "DE", "+49301234567"],
    ["(212) 555-0123", "US", "+12125550123"],
    ["+1 (780) 434-4554", "DE", "+17804344554"],
    ["+39 06 39733434", "DE", "+390639733434"],
  ])("becomes E.164, national numbers as those of the controller: %s in %s", (text, country, expected) => {
    expect(value("phone", text, country)).toBe(expected);
  });

  test.each(["", "12", "call me", "+49 30 1234567 ext. 12", "+999 123456789", "030 1234567 or 030 7654321"])(
    "is refused when it is none, or more than one: %j",
    (text) => {
      expect(value("phone", text)).toBe("PHONE_INVALID");
    },
  );

  test("without a country is refused when no country is known", () => {
    expect(value("phone", "030 1234567", "ZZ")).toBe("PHONE_INVALID");
  });
});

describe("a key, external id or device id", () => {
  test.each([
    [" cus_9s6XKzkNRiz8i3 ", "cus_9s6XKzkNRiz8i3"],
    ["auth0|5f7c8ec7c33c6c004bbafe82", "auth0|5f7c8ec7c33c6c004bbafe82"],
    ["550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"],
    ["Mu\u0308ller#1", "M\u00fcller#1"],
  ])("is trimmed and in NFC: %s", (text, expected) => {
    expect(value("external_id", text)).toBe(expected);
  });

  test.each([
    "",
    "../../etc/passwd",
    "a..b",
    "a/b",
    "a?b",
    "a b",
    "a\nb",
    "a\u0000",
    "a'; drop table x",
    "x".repeat(201),
  ])("is refused when it holds what no identifier needs: %j", (text) => {
    for (const kind of ["key", "external_id", "device_id"] as const)
      expect(value(kind, text)).toBe("IDENTIFIER_INVALID");
  });
});

test("normalising twice changes nothing", () => {
  const text = fc.oneof(
    fc.emailAddress(),
    fc.stringMatching(/^[\p{L}\p{M}.+-]{1,12}@[\p{L}]{1,8}\.[a-z]{2,5}$/u),
    fc.stringMatching(/^\+?[0-9 ()/-]{4,20}$/),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...identifierKinds), text, (kind, raw) => {
      const once = normalise(kind, raw, "DE");
      if (once.ok) expect(normalise(kind, once.identifier.value, "DE")).toEqual(once);
    }),
    { numRuns: 1000 },
  );
});

test("hostile text of any length is answered at once", () => {
  const long = "a".repeat(5_000_000);
  expect(value("email", `${long}@example.com`)).toBe("EMAIL_INVALID");
  expect(value("phone", `+49${"1".repeat(5_000_000)}`)).toBe("PHONE_INVALID");
});
