import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import { confirmationDate, dueDate, extendedDueDate, refusalDate, suspendedDueDate } from "#intake/deadline.ts";
import { regimeOf } from "#intake/regimes.ts";
import { isWorkingDay } from "#intake/working-days.ts";
import { isLetheError } from "#lib/errors.ts";

const gdpr = regimeOf({ country: "DE" });
const germany = { country: "DE", region: undefined };
const day = (text: string): Temporal.PlainDate => Temporal.PlainDate.from(text);
const due = (received: string, where = germany as { country: string; region: string | undefined }): string =>
  dueDate(day(received), where, gdpr).due.toString();

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
  expect(extendedDueDate(day(received), germany, gdpr).due.toString()).toBe(expected);
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
      const { due: end } = rule(received, where, gdpr);
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
      expect(
        Temporal.PlainDate.compare(dueDate(first, where, gdpr).due, dueDate(second, where, gdpr).due),
      ).toBeLessThanOrEqual(0);
    }),
  );
});

describe("other regimes", () => {
  const california = { country: "US", region: "CA" };
  const ccpa = regimeOf(california);

  test("California: forty-five calendar days, ninety with notice, whatever day that is, and ten working days to confirm", () => {
    const received = day("2026-03-05");
    expect(dueDate(received, california, ccpa)).toEqual({ due: day("2026-04-19"), basis: "11 CCR §7021(b)" }); // a Sunday
    expect(extendedDueDate(received, california, ccpa).due.toString()).toBe("2026-06-03");
    expect(confirmationDate(received, california, ccpa)?.due.toString()).toBe("2026-03-19");
    expect(confirmationDate(received, germany, gdpr)).toBeUndefined();
  });

  test("the United Kingdom: a month, with its own bank holidays", () => {
    const uk = regimeOf({ country: "GB" });
    const there = { country: "GB", region: undefined };
    expect(dueDate(day("2026-11-25"), there, uk)).toEqual({ due: day("2026-12-29"), basis: "UK GDPR Art. 12(3)" }); // 25 and 28: holidays
  });

  test("are those of the controller's country, of the configuration, or of the request", () => {
    expect(regimeOf({ country: "FR" }).regime).toBe("gdpr");
    expect(regimeOf({ country: "US" }).regime).toBe("ccpa");
    expect(regimeOf({ country: "JP" }).regime).toBe("gdpr");
    expect(regimeOf({ country: "US", regime: "gdpr" }).regime).toBe("gdpr");
  });
});

describe("a refusal is told", () => {
  test.each([
    ["DE", "2026-01-31", "2026-03-02", "GDPR Art. 12(4)"], // 28 February is a Saturday
    ["GB", "2026-11-25", "2026-12-29", "UK GDPR Art. 12(4)"], // 25 and 28 December are holidays
  ])("within the first month, whatever an extension says: %s, received on %s", (country, received, expected, basis) => {
    for (const extended of [false, true]) {
      const told = refusalDate(day(received), { country, region: undefined }, regimeOf({ country }), extended);
      expect(told).toEqual({ due: day(expected), basis });
    }
  });

  test("in California within the time to answer, which an extension makes longer", () => {
    const [there, received] = [{ country: "US", region: "CA" }, day("2026-03-05")];
    const told = (extended: boolean) => refusalDate(received, there, regimeOf(there), extended);
    expect(told(false)).toEqual({ due: day("2026-04-19"), basis: "11 CCR §7021(b), §7022(f)" });
    expect(told(true)).toMatchObject({ due: day("2026-06-03") });
  });
});

test("a check of identity is shown both ways: without the pause, and so many days later, then moved", () => {
  const received = day("2026-08-31");
  expect(suspendedDueDate(received, germany, gdpr.answer, 0).due.toString()).toBe(due("2026-08-31"));
  expect(suspendedDueDate(received, germany, gdpr.answer, 3)).toEqual({
    due: day("2026-10-05"), // 30 September, three days later a Saturday and a holiday
    basis: "GDPR Art. 12(3), paused for 3 days",
  });
});
