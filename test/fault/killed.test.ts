import { afterAll, beforeAll, expect, test } from "vitest";
import { faultPoints } from "#lib/fault.ts";
import { Scaffold } from "#test/fault/killing.ts";
import { urlOf } from "#test/support/database.ts";

let scaffold: Scaffold;
beforeAll(async () => {
  scaffold = await Scaffold.open(urlOf);
}, 120_000);
afterAll(() => scaffold[Symbol.asyncDispose]());

test("an undisturbed night does everything that a crash can leave half done", () => {
  expect(scaffold.undisturbed).toMatchObject({ said: { outcome: "attention" }, oddities: [] });
  const lines = (place: string): number => scaffold.reference.get(place)?.length ?? 0;
  expect({
    erased: lines("ledger request.erased"),
    exported: lines("ledger request.exported"),
    completed: lines("ledger request.completed"),
    blocked: lines("ledger request.blocked"),
    failed: lines("ledger request.failed"),
    purged: lines("ledger backup.purged"),
    kept: lines("backup files"),
    spared: lines("shop journal spared"),
    conserved: lines("lethe.conserved_told"),
    untold: lines("lethe.conserved"),
    journalled: lines("shop journal total"),
    copied: lines("shop.customer_audit"),
    remedied: lines("lethe.remedy"),
    stays: lines("lethe.stay"),
    tasks: lines("lethe.task"),
    figures: lines("lethe.figure"),
  }).toEqual({
    erased: 15,
    exported: 18,
    completed: 5,
    blocked: 1,
    failed: 1,
    purged: 10,
    kept: 30,
    spared: 1,
    conserved: 4,
    untold: 0,
    journalled: 0,
    copied: 15,
    remedied: 4,
    stays: 15,
    tasks: 4,
    figures: 2,
  });
});

test.each(faultPoints)(
  "killed %s, the next run ends as an undisturbed night does",
  async (fault) => {
    expect(await scaffold.killAndRunAgain({ fault })).toMatchObject({
      signal: "SIGKILL",
      differences: [],
      oddities: [],
    });
  },
  120_000,
);
