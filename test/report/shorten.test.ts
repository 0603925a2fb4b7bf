import fc from "fast-check";
import { expect, test } from "vitest";
import { shorten } from "#report/shorten.ts";

test("what fits is left as it is, what does not loses its middle", () => {
  expect(shorten(["visits", "analytics.customer_event_stream_17"], 24)).toEqual(["visits", "analytics.cu…t_stream_17"]);
});

test("names that differ only where others are cut stay different", () => {
  const [one = "", other = ""] = shorten(
    ["customer_events_eu_monthly_totals", "customer_events_us_monthly_totals"],
    24,
  );
  expect(one).not.toBe(other);
});

test("nothing is longer than its room, and letters of two code units stay whole", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme", maxLength: 60 }), { maxLength: 8 }),
      fc.integer({ min: 3, max: 30 }),
      (names, room) => {
        const short = shorten(names, room);
        for (const name of short) expect([...name].length).toBeLessThanOrEqual(room);
        for (const name of short) expect(name.isWellFormed()).toBe(true);
        for (const [index, name] of names.entries()) if ([...name].length <= room) expect(short[index]).toBe(name);
      },
    ),
  );
});
