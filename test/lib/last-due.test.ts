import fc from "fast-check";
import { createTask } from "node-cron";
import { Temporal } from "temporal-polyfill";
import { expect, test } from "vitest";
import { lastDue } from "#lib/last-due.ts";
import { toDate } from "#lib/clock.ts";

const due = (cron: string, zone: string, now: string): string | undefined =>
  lastDue(cron, zone, Temporal.Instant.from(now))?.toString();

test.each([
  ["0 2 * * *", "Europe/Berlin", "2026-11-02T00:59:59Z", "2026-11-01T01:00:00Z"],
  ["0 2 * * *", "Europe/Berlin", "2026-11-02T01:00:00Z", "2026-11-02T01:00:00Z"],
  ["0 2 * * *", "America/New_York", "2026-11-02T06:59:59Z", "2026-11-01T07:00:00Z"],
  ["*/15 9-17 * * 1-5", "UTC", "2026-11-22T12:00:00Z", "2026-11-20T17:45:00Z"],
  ["0 6 1 * *", "UTC", "2026-11-01T05:59:00Z", "2026-10-01T06:00:00Z"],
  ["0 6 L * *", "UTC", "2026-11-22T00:00:00Z", "2026-10-31T06:00:00Z"],
  ["0 0 29 2 *", "UTC", "2027-12-31T00:00:00Z", "2024-02-29T00:00:00Z"],
  ["@weekly", "UTC", "2026-11-18T00:00:00Z", "2026-11-15T00:00:00Z"],
])("%s in %s at %s was last due at %s", (cron, zone, now, expected) => {
  expect(due(cron, zone, now)).toBe(expected);
});

test("what was not due in four years (29 February on a Monday) was not due", () => {
  expect(due("0 0 29 2 1", "UTC", "2026-11-02T00:00:00Z")).toBeUndefined();
});

test("a night whose hour the change to summer time leaves out is due when the gap ends", () => {
  expect(due("0 2 * * *", "Europe/Berlin", "2027-03-28T12:00:00Z")).toBe("2027-03-28T01:00:00Z");
  expect(due("30 2 * * *", "Europe/Berlin", "2027-03-28T12:00:00Z")).toBe("2027-03-28T01:30:00Z");
});

test("a time that occurs twice in the night of the change back is due once, the first time", () => {
  expect(due("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z")).toBe("2026-10-25T00:30:00Z");
  expect(due("30 2 * * *", "Europe/Berlin", "2026-10-25T12:00:00Z")).toBe("2026-10-25T00:30:00Z");
});

test("agrees with node-cron: every moment at which it fires is due then, and was not due a second earlier", () => {
  const field = (min: number, max: number) => fc.oneof(fc.constant("*"), fc.integer({ min, max }).map(String));
  fc.assert(
    fc.property(
      field(0, 59),
      fc.integer({ min: 4, max: 23 }),
      field(1, 28),
      field(1, 12),
      field(0, 6),
      (minute, hour, day, month, weekday) => {
        const cron = `${minute} ${hour} ${day} ${month} ${weekday}`;
        const task = createTask(cron, () => undefined, { timezone: "Europe/Berlin" });
        const next = task.getNextRuns(1)[0];
        void task.destroy();
        if (next === undefined) return;
        const at = Temporal.Instant.fromEpochMilliseconds(next.getTime());
        expect(lastDue(cron, "Europe/Berlin", at)?.epochMilliseconds).toBe(at.epochMilliseconds);
        expect(lastDue(cron, "Europe/Berlin", at.subtract({ seconds: 1 }))?.epochMilliseconds ?? 0).toBeLessThan(
          at.epochMilliseconds,
        );
        expect(toDate(at).getTime()).toBe(next.getTime());
      },
    ),
    { numRuns: 40 },
  );
});
