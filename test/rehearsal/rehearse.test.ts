import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Rehearsed } from "#rehearsal/rehearse.ts";
import type { TimelineItem } from "#rehearsal/timeline.ts";
import { letheHere } from "#test/support/here.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-rehearsal-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const now = "2026-11-20T10:00:00Z";
const rehearse = (until: string, ...more: readonly string[]) =>
  letheHere([
    "rehearse",
    "--until",
    until,
    "--customers",
    "60",
    "--directory",
    directory,
    "--now",
    now,
    "--json",
    ...more,
  ]);
const rehearsed = async (until: string, ...more: readonly string[]): Promise<Rehearsed> => {
  const { code, stdout } = await rehearse(until, ...more);
  expect(code).toBe(0);
  return JSON.parse(stdout) as Rehearsed;
};

test("weeks of nights pass, what went when is told under its rule, nobody is left, and the books are what they were", async () => {
  const { nights, timeline, books, people } = await rehearsed("2026-12-22");
  expect(nights.all).toBe(32);
  const line = (what: string): TimelineItem | undefined => timeline.find((each) => each.what === what);
  const erased = timeline.filter(({ what }) => what === "people");
  expect(erased.every(({ first, last, how }) => first === "2026-11-20" && last === first && how === "erased")).toBe(
    true,
  );
  expect(erased.reduce((sum, { rows }) => sum + rows, 0)).toBe(people.requests);
  expect(line("sessions")).toMatchObject({ rule: expect.stringContaining("Art. 5(1)(e)") });
  // The last backup from before the erasure is thirty days old.
  expect(line("requests")).toMatchObject({ rows: people.requests, rule: "last backup gone" });
  expect(Temporal.PlainDate.from("2026-11-20").until(line("requests")?.first ?? now.slice(0, 10)).days).toBeGreaterThan(
    28,
  );
  expect(people.requests).toBeGreaterThan(0);
  expect(people.named).toBe(0);
  expect(books.after).toEqual(books.before);
}, 300_000);

test("every night runs where that is asked for", async () => {
  expect((await rehearsed("2026-11-23", "--every-night")).nights).toEqual({ all: 3, ran: 3 });
}, 300_000);

test.each([["2026-11-20"], ["soon"], ["2026-02-30"]])(
  "refuses a day that is none, or not after today: %s",
  async (until) => {
    expect(JSON.parse((await rehearse(until)).stdout)).toMatchObject({ error: { code: "USAGE" } });
  },
);
