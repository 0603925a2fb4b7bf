import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, it, test } from "vitest";
import { lawOf, readLaw, type Law } from "#policy/law.ts";
import { anchors as allAnchors, dueThrough, erasableFrom, type Anchor } from "#policy/retention.ts";

const day = (text: string): Temporal.PlainDate => Temporal.PlainDate.from(text);
const cls = (period: string, anchor: Anchor, yearBegins = "01-01") => ({ period, anchor, yearBegins });
const compare = (one: Temporal.PlainDate, other: Temporal.PlainDate): number => Temporal.PlainDate.compare(one, other);

const versions = readLaw();
const countries = [...new Set(versions.map(({ jurisdiction }) => jurisdiction))].toSorted();
const voucherOf = (country: string): Law => {
  const on = day("2026-03-15");
  const law = lawOf({ versions, country, sector: undefined, yearBegins: "01-01", on }, "voucher");
  if (law === undefined) throw new TypeError(`no law for ${country}`);
  return law;
};

// Any day of four centuries, leap years included.
const days = fc.integer({ min: 0, max: 146_096 }).map((offset) => day("1900-01-01").add({ days: offset }));
const anchors = fc.constantFrom(...allAnchors);
const years = fc.constantFrom("01-01", "03-01", "04-06", "07-01", "10-01");
const periods = fc.constantFrom(
  "P1D",
  "P30D",
  "P365D",
  "P1M",
  "P6M",
  "P18M",
  "P1Y",
  "P5Y",
  "P8Y",
  "P10Y",
  "P1Y6M",
  "P1M10D",
  "P9M12D",
  "P11M28D",
  "P1Y1M31D",
);
const classes = fc.record({ period: periods, anchor: anchors, yearBegins: years });

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
  ])("keeps an invoice of 2026-03-15 in %s until the day before %s", (country, expected) => {
    expect(erasableFrom({ ...voucherOf(country), yearBegins: "01-01" }, day("2026-03-15")).toString()).toBe(expected);
  });

  it.each([
    ["P8Y", "end-of-calendar-year", "2026-12-31", "2035-01-01"],
    ["P8Y", "end-of-calendar-year", "2027-01-01", "2036-01-01"],
    ["P1Y", "event", "2028-02-29", "2029-03-01"],
    ["P1M", "event", "2026-01-31", "2026-03-01"],
    ["P90D", "event", "2026-01-01", "2026-04-02"],
    ["P6M", "end-of-calendar-year", "2026-05-05", "2027-07-01"],
    ["P2M", "end-of-calendar-year", "2027-05-05", "2028-03-01"],
    ["P6Y", "end-of-fiscal-year", "2026-04-05", "2032-04-06", "04-06"],
    ["P6Y", "end-of-fiscal-year", "2026-04-06", "2033-04-06", "04-06"],
    // The fiscal year ends on the last day of February: its end in the year after is the 29th, and the record stays through it.
    ["P1Y", "end-of-fiscal-year", "2026-06-01", "2028-03-01", "03-01"],
    ["P7Y", "end-of-calendar-year-of-fiscal-year-end", "2026-06-30", "2034-01-01", "07-01"],
    ["P7Y", "end-of-calendar-year-of-fiscal-year-end", "2026-07-01", "2035-01-01", "07-01"],
  ] as const)("counts %s from the %s of %s to %s", (period, anchor, event, expected, yearBegins?) => {
    expect(erasableFrom(cls(period, anchor, yearBegins), day(event)).toString()).toBe(expected);
  });

  it("never erases before the whole period has passed since the event", () => {
    fc.assert(
      fc.property(days, classes, (event, rule) => {
        const lastDay = event.add(Temporal.Duration.from(rule.period));
        expect(compare(erasableFrom(rule, event), lastDay)).toBe(1);
      }),
    );
  });

  it("treats the events of a year alike, and erases years on the day on which one begins", () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 30 }), years, (event, count, begins) => {
        const calendar = erasableFrom(cls(`P${count}Y`, "end-of-calendar-year", begins), event);
        expect(calendar.toString()).toBe(day(`${event.year + count + 1}-01-01`).toString());
        expect(
          erasableFrom(cls(`P${count}Y`, "end-of-fiscal-year", begins), event)
            .toString()
            .slice(-5),
        ).toBe(begins);
      }),
    );
  });

  it("never lets a later event be erased earlier", () => {
    fc.assert(
      fc.property(days, days, classes, (one, other, rule) => {
        const [first, second] = compare(one, other) <= 0 ? [one, other] : [other, one];
        expect(compare(erasableFrom(rule, first), erasableFrom(rule, second))).toBeLessThanOrEqual(0);
      }),
    );
  });
});

/** The laws in words, with numbers and without `Temporal`: year, month and day of an event, and the years of the period. */
const inWords: Readonly<Record<Anchor, (y: number, m: number, d: number, n: number, begins: string) => string>> = {
  // The day is not counted; n years later it ends with the day of the same number, which 29 February may lack.
  event: (y, m, d, n) => {
    const last = Math.min(d, daysOf(y + n, m));
    return last < daysOf(y + n, m) ? iso(y + n, m, last + 1) : m < 12 ? iso(y + n, m + 1, 1) : iso(y + n + 1, 1, 1);
  },
  "end-of-calendar-year": (y, _m, _d, n) => iso(y + 1 + n, 1, 1),
  "end-of-fiscal-year": (y, m, d, n, begins) => `${fiscalYear(y, m, d, begins) + 1 + n}-${begins}`,
  "end-of-calendar-year-of-fiscal-year-end": (y, m, d, n, begins) =>
    iso((begins === "01-01" ? y : fiscalYear(y, m, d, begins) + 1) + 1 + n, 1, 1),
};
const two = (n: number): string => String(n).padStart(2, "0");
const iso = (y: number, m: number, d: number): string => `${y}-${two(m)}-${two(d)}`;
const isLeap = (y: number): boolean => y % 4 === 0 && (y % 100 !== 0 || y % 400 === 0);
const daysOf = (y: number, m: number): number =>
  m === 2 ? (isLeap(y) ? 29 : 28) : [4, 6, 9, 11].includes(m) ? 30 : 31;
/** The calendar year in which it began. */
const fiscalYear = (y: number, m: number, d: number, begins: string): number =>
  `${two(m)}-${two(d)}` < begins ? y - 1 : y;

test.each(countries)(
  "every day of 2024 to 2040 in %s, in three fiscal years: not a day before the law lets go, and not a day later",
  (country) => {
    const law = voucherOf(country);
    const n = Temporal.Duration.from(law.period).years;
    const wrong: string[] = [];
    for (const begins of ["01-01", "04-06", "07-01"]) {
      for (let y = 2024; y <= 2040; y += 1) {
        for (let m = 1; m <= 12; m += 1) {
          for (let d = 1; d <= daysOf(y, m); d += 1) {
            const computed = erasableFrom({ ...law, yearBegins: begins }, new Temporal.PlainDate(y, m, d)).toString();
            const expected = inWords[law.anchor](y, m, d, n, begins);
            if (computed !== expected) wrong.push(`${iso(y, m, d)} with ${begins}: ${computed}, not ${expected}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  },
);

describe("dueThrough", () => {
  it("names the last day whose records are due: that one is, the next is not", () => {
    fc.assert(
      fc.property(days, classes, (today, rule) => {
        const last = dueThrough(rule, today);
        expect(compare(erasableFrom(rule, last), today)).toBeLessThanOrEqual(0);
        expect(compare(erasableFrom(rule, last.add({ days: 1 })), today)).toBe(1);
      }),
    );
  });
});
