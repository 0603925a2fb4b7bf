import { expect, test } from "vitest";
import { pgbackrestMissing, resticMissing } from "#test/backups/programs.ts";

test("pgBackRest is there to be tried, or all tests of it are skipped", (context) => {
  if (pgbackrestMissing !== undefined) context.skip(pgbackrestMissing);
  expect(pgbackrestMissing).toBeUndefined();
});

test("restic is there to be tried, or all tests of it are skipped", (context) => {
  if (resticMissing !== undefined) context.skip(resticMissing);
  expect(resticMissing).toBeUndefined();
});
