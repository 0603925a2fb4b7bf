import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import { dueDate, extendedDueDate } from "#intake/deadline.ts";
import { isWorkingDay } from "#intake/working-days.ts";
import { isLetheError } from "#lib/errors.ts";

const germany = { country: "DE", region: undefined };
const day = (text: string): Temporal.PlainDate => Temporal.PlainDate.from(text);
const due = (received: string, where = germany as { country: string; region: string | undefined }): string =>
  dueDate(day(received), where).due.toString();

test.each([
  ["2026-01-31", "2026-03-02"],
  ["2026-03-05", "2026-04-07"],
  ["2026-08-31", "2026-09-30"],
  ["2026-11-25", "2026-12-28"],
  ["2028-01-30", "2028-02-29"],
])("a request received on %s is due on %s in Germany", (received, expected) => {
  expect(due(received)).toBe(expected);
});

test.each([
  ["2026-01-31", "2026-04-30"],
  ["2026-11-30", "2027-03-01"],
])("extended, a request received on %s is due on %s: three months, then moved", (received, expected) => {
  expect(extendedDueDate(day(received), germany).due.toString()).toBe(expected);
});

describe("public holidays", () => {
  test("are those of the controller's region", () => {
    expect(due("2027-02-08", { country: "DE", region: "BE" })).toBe("2027-03-09"); // International Women's Day
    expect(due("2027-02-08")).toBe("2027-03-08");
  });

  test("are those of the controller's country", () => {
    expect(due("2026-06-14", { country: "FR", region: undefined })).toBe("2026-07-15"); // Fête nationale
    expect(due("2026-06-14")).toBe("2026-07-14");
  });

  test("leave out bank holidays and observances", () => {
    expect(due("2026-11-24")).toBe("2026-12-24"); // Heiligabend
  });

  test.each([
    { country: "XX", region: undefined },
    { country: "DE", region: "ZZ" },
  ])("that nobody knows are a mistake of the configuration: %j", (where) => {
    expect(() => due("2026-01-05", where)).toThrow(expect.toSatisfy((error) => isLetheError(error, "CONFIG_INVALID")));
  });
});

const anyDay = fc.integer({ min: 0, max: 365 * 40 }).map((days) => day("2018-05-25").add({ days }));
const anywhere = fc.constantFrom(
  ...["DE", "AT", "FR", "ES", "IT", "NL", "PL", "SE", "IE", "GB", "CH", "US", "IL"].map((country) => ({
    country,
    region: undefined,
  })),
  { country: "DE", region: "BY" },
);

test.each([
  ["the deadline", dueDate, 1],
  ["the extended deadline", extendedDueDate, 3],
])("%s is a working day, never before the statutory last day, and at most ten days after it", (_, rule, months) => {
  fc.assert(
    fc.property(anyDay, anywhere, (received, where) => {
      const last = received.add({ months });
      const { due: end } = rule(received, where);
      expect(isWorkingDay(end, where)).toBe(true);
      expect(Temporal.PlainDate.compare(end, last)).toBeGreaterThanOrEqual(0);
      expect(last.until(end).days).toBeLessThanOrEqual(10);
      for (let between = last; !between.equals(end); between = between.add({ days: 1 })) {
        expect(isWorkingDay(between, where)).toBe(false);
      }
    }),
  );
});

test("who asks later is never due earlier", () => {
  fc.assert(
    fc.property(anyDay, anyDay, anywhere, (one, other, where) => {
      const [first, second] = [one, other].toSorted((a, b) => Temporal.PlainDate.compare(a, b)) as [
        Temporal.PlainDate,
        Temporal.PlainDate,
      ];
      expect(Temporal.PlainDate.compare(dueDate(first, where).due, dueDate(second, where).due)).toBeLessThanOrEqual(0);
    }),
  );
});
