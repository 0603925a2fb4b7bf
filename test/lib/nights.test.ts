import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { expect, test } from "vitest";
import { lastDayOf, lastNightOf } from "#lib/nights.ts";

const berlin = (schedule: Record<string, string>) => ({ schedule, controller: { timeZone: "Europe/Berlin" } });

test.each([
  ["every night, the one of the day before", { nightly: "0 2 * * *" }, "2026-12-02", "2026-12-01"],
  ["on Mondays, the Monday before", { nightly: "0 2 * * 1" }, "2026-12-02", "2026-11-30"],
  ["on Mondays, of a Monday the one before", { nightly: "0 2 * * 1" }, "2026-11-30", "2026-11-23"],
  ["by two jobs, the later", { nightly: "0 2 1 * *", erase: "0 23 * * 5" }, "2026-12-02", "2026-12-01"],
  ["by jobs that erase nothing, the one of the day before", { report: "0 2 * * 1" }, "2026-12-02", "2026-12-01"],
])("the last night before a request is due is, where nights are %s", (_, schedule, due, expected) => {
  expect(lastNightOf(due, berlin(schedule))).toBe(expected);
});

test("a night is the last for those who are due by the day of the next, and for nobody else", () => {
  const schedules = ["0 2 * * *", "0 2 * * 1", "30 1 */3 * *", "0 3 1 * *", "15 2 * * 2,5"];
  const days = fc.integer({ min: 0, max: 800 }).map((n) => Temporal.PlainDate.from("2026-01-01").add({ days: n }));
  fc.assert(
    fc.property(fc.constantFrom(...schedules), days, fc.integer({ min: 1, max: 40 }), (nightly, today, ahead) => {
      const due = today.add({ days: ahead }).toString();
      const isLast = lastNightOf(due, berlin({ nightly })) <= today.toString();
      expect(due <= lastDayOf(today, berlin({ nightly }))).toBe(isLast);
    }),
  );
});
