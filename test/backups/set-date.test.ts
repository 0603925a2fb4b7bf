import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { expect, test } from "vitest";
import { breachDate, dateInName, dueAt, heldSince, isDisputed } from "#backups/set-date.ts";

const dateOf = (name: string): string | undefined => dateInName(name, "Europe/Berlin")?.toString();

test.each([
  ["shop-2026-11-01.dump", "2026-10-31T23:00:00Z"],
  ["shop_20261101.sql.gz", "2026-10-31T23:00:00Z"],
  ["shop-2026-07-01T0200.sql", "2026-07-01T00:00:00Z"],
  ["shop-2026-11-01T020304.sql", "2026-11-01T01:03:04Z"],
  ["shop-20261101-020304.sql", "2026-11-01T01:03:04Z"],
  ["20261101T020304Z.dump", "2026-11-01T02:03:04Z"],
  ["shop_2026-11-01_02-03-04.tar", "2026-11-01T01:03:04Z"],
  ["2026-11-01T02:03:04Z.sql", "2026-11-01T02:03:04Z"],
  ["base-20261103-diff-20261101.tar", "2026-10-31T23:00:00Z"],
  ["shop-2026-11-01-5.dump", "2026-10-31T23:00:00Z"],
])("%s was taken at %s", (name, instant) => {
  expect(dateOf(name)).toBe(instant);
});

test.each([
  "latest.dump",
  "shop-2026-02-30.dump",
  "ticket-12345678.dump",
  "20261301.sql",
  "120261101.sql",
  "2026-1101.sql",
])("%s names no date", (name) => {
  expect(dateOf(name)).toBeUndefined();
});

const instants = fc
  .integer({ min: 0, max: 4_000_000_000 })
  .map((seconds) => Temporal.Instant.fromEpochMilliseconds(seconds * 1_000));

test("every instant written into a name is read back", () => {
  fc.assert(
    fc.property(instants, fc.constantFrom("UTC", "Europe/Berlin", "Asia/Kathmandu"), (instant, timeZone) => {
      fc.pre(instant.epochMilliseconds > 820_454_400_000);
      const stamp = instant.toString().replaceAll(/[-:]/g, "");
      expect(dateInName(`shop-${stamp}.dump`, timeZone)?.equals(instant)).toBe(true);
    }),
  );
});

test("two dates: held since the earlier; within 48 hours the name counts, beyond it the set is due only when both are", () => {
  fc.assert(
    fc.property(instants, instants, fc.integer({ min: 1, max: 3_650 }), (taken, modified, keepDays) => {
      const set = { taken, modified };
      const both = [taken, modified].map((instant) => instant.add({ hours: 24 * keepDays }));
      const due = dueAt(set, keepDays);
      expect(Temporal.Instant.compare(heldSince(set), taken)).toBeLessThanOrEqual(0);
      expect(Temporal.Instant.compare(heldSince(set), modified)).toBeLessThanOrEqual(0);
      if (isDisputed(set)) expect(both.every((each) => Temporal.Instant.compare(due, each) >= 0)).toBe(true);
      else expect(due.equals(taken.add({ hours: 24 * keepDays }))).toBe(true);
    }),
  );
});

test("48 hours apart is not disputed, a second more is", () => {
  const taken = Temporal.Instant.from("2026-11-01T00:00:00Z");
  expect(isDisputed({ taken, modified: taken.add({ hours: 48 }) })).toBe(false);
  expect(isDisputed({ taken, modified: taken.add({ hours: 48, seconds: 1 }) })).toBe(true);
  expect(isDisputed({ taken: taken.add({ hours: 48, seconds: 1 }), modified: taken })).toBe(true);
});

test("the day of a breach is the controller's", () => {
  const since = Temporal.Instant.from("2026-11-01T23:30:00Z");
  expect(breachDate(since, 30, "Europe/Berlin")).toBe("2026-12-02");
  expect(breachDate(since, 30, "UTC")).toBe("2026-12-01");
});
