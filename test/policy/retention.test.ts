import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, it } from "vitest";
import { readStatutes } from "#policy/statutes.ts";
import { erasableFrom } from "#policy/retention.ts";

const day = (text: string): Temporal.PlainDate => Temporal.PlainDate.from(text);
const cls = (period: string, anchor: "event" | "end-of-calendar-year") => ({ basis: "test", period, anchor });

// Any day of four centuries, leap years included.
const days = fc.integer({ min: 0, max: 146_096 }).map((offset) => day("1900-01-01").add({ days: offset }));
const anchors = fc.constantFrom("event" as const, "end-of-calendar-year" as const);
const periods = fc.constantFrom("P1D", "P30D", "P365D", "P1M", "P6M", "P18M", "P1Y", "P5Y", "P8Y", "P10Y", "P1Y6M");

describe("erasableFrom", () => {
  it.each([
    ["DE", "2035-01-01"],
    ["AT", "2034-01-01"],
    ["BE", "2037-01-01"],
    ["FR", "2037-01-01"],
    ["IT", "2036-03-16"],
    ["ES", "2033-01-01"],
    ["NL", "2034-01-01"],
    ["IE", "2033-01-01"],
    ["PL", "2032-01-01"],
    ["SE", "2034-01-01"],
    ["GB", "2033-01-01"],
    ["CH", "2037-01-01"],
  ])("keeps an invoice of 2026-03-15 in %s until the day before %s", async (country, expected) => {
    const statute = (await readStatutes())[country];
    expect(statute).toBeDefined();
    if (statute !== undefined) expect(erasableFrom(statute, day("2026-03-15")).toString()).toBe(expected);
  });

  it.each([
    ["P8Y", "end-of-calendar-year", "2026-12-31", "2035-01-01"],
    ["P8Y", "end-of-calendar-year", "2027-01-01", "2036-01-01"],
    ["P1Y", "event", "2028-02-29", "2029-03-01"],
    ["P1M", "event", "2026-01-31", "2026-03-01"],
    ["P90D", "event", "2026-01-01", "2026-04-02"],
    ["P6M", "end-of-calendar-year", "2026-05-05", "2027-07-01"],
    ["P2M", "end-of-calendar-year", "2027-05-05", "2028-03-01"],
  ] as const)("counts %s from the %s of %s to %s", (period, anchor, event, expected) => {
    expect(erasableFrom(cls(period, anchor), day(event)).toString()).toBe(expected);
  });

  it("never erases before the whole period has passed since the event", () => {
    fc.assert(
      fc.property(days, periods, anchors, (event, period, anchor) => {
        const lastDay = event.add(Temporal.Duration.from(period));
        expect(Temporal.PlainDate.compare(erasableFrom(cls(period, anchor), event), lastDay)).toBe(1);
      }),
    );
  });

  it("treats the events of a calendar year alike, and erases years on a first of January", () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 30 }), (event, years) => {
        const result = erasableFrom(cls(`P${years}Y`, "end-of-calendar-year"), event);
        expect(result.toString()).toBe(day(`${event.year + years + 1}-01-01`).toString());
      }),
    );
  });

  it("never lets a later event be erased earlier", () => {
    fc.assert(
      fc.property(days, days, periods, anchors, (one, other, period, anchor) => {
        const [first, second] = Temporal.PlainDate.compare(one, other) <= 0 ? [one, other] : [other, one];
        const rule = cls(period, anchor);
        expect(Temporal.PlainDate.compare(erasableFrom(rule, first), erasableFrom(rule, second))).toBeLessThanOrEqual(
          0,
        );
      }),
    );
  });
});
