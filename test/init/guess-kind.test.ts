import { describe, expect, it } from "vitest";
import { kindByName } from "#init/guess-kind.ts";
import { kindByValues } from "#init/guess-values.ts";
import { columnOf } from "#test/init/make-catalog.ts";

describe("a column is recognised by its name", () => {
  it.each([
    ["email text", "email"],
    ["EmailAddress text", "email"],
    ["contact_phone text", "phone"],
    ["fax character varying(24)", "phone"],
    ["first_name text", "name"],
    ["BillingPostalCode text", "postcode"],
    ["zip text", "postcode"],
    ["address_line_1 text", "street"],
    ["city text", "city"],
    ["date_of_birth date", "birth-date"],
    ["last_login_ip inet", "ip"],
    ["user_agent text", "user-agent"],
    ["external_id text", "external-id"],
    ["password_hash text", "secret"],
    ["password text", "secret"],
    ["notes text", "free-text"],
    ["payload jsonb", "document"],
    ["anything jsonb", "document"],
    ["email_verified boolean", undefined],
    ["password_changed_at timestamp with time zone", undefined],
    ["phone_calls integer", "phone"],
    ["total numeric(10,2)", undefined],
    ["country text", undefined],
    ["status text", undefined],
  ])("%s", (column, kind) => {
    expect(kindByName(columnOf(column), false)).toBe(kind);
  });

  it("calls `name` a person's only in a table of people", () => {
    expect(kindByName(columnOf("name text"), true)).toBe("name");
    expect(kindByName(columnOf("name text"), false)).toBeUndefined();
  });
});

describe("a column is recognised by its values", () => {
  it.each([
    ["email", ["ada@example.com", "grace@navy.example"]],
    ["phone", ["+49 30 901820", "+44 20 7946 0958"]],
    ["phone", ["030 901820", "089 233-00"]],
    ["ip", ["192.0.2.1", "2001:db8::1", "198.51.100.0/24"]],
    ["user-agent", ["Mozilla/5.0 (X11; Linux)", "curl/8.5.0"]],
    ["bank", ["DE89 3704 0044 0532 0130 00"]],
    ["free-text", ["ok", "please write to ada@example.com instead"]],
    [undefined, ["2026-11-02", "2026-11-03"]],
    [undefined, ["10115", "20095"]],
    [undefined, ["active", "paused"]],
    [undefined, []],
  ] as const)("%s", (kind, sample) => {
    expect(kindByValues(sample, "DE")).toBe(kind);
  });
});
