import { expect, it } from "vitest";
import { durationText } from "#lib/duration-text.ts";

it.each([
  ["P8Y", "8 years"],
  ["P1Y6M", "1 year and 6 months"],
  ["P30D", "30 days"],
  ["PT10M", "10 minutes"],
  ["P1M2DT3H", "1 month, 2 days and 3 hours"],
])("says %s as %s", (iso, text) => {
  expect(durationText(iso)).toBe(text);
});

it("refuses what is no duration", () => {
  expect(() => durationText("8 years")).toThrow(RangeError);
});
