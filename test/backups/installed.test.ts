import { expect, test } from "vitest";
import { gatewayMissing, incrementalMissing, pgbackrestMissing, resticMissing } from "#test/backups/programs.ts";

test("pgBackRest is there to be tried, or all tests of it are skipped", (context) => {
  if (pgbackrestMissing !== undefined) context.skip(pgbackrestMissing);
  expect(pgbackrestMissing).toBeUndefined();
});

test("restic is there to be tried, or all tests of it are skipped", (context) => {
  if (resticMissing !== undefined) context.skip(resticMissing);
  expect(resticMissing).toBeUndefined();
});

test("versitygw is there to be tried, or all tests of buckets are skipped", (context) => {
  if (gatewayMissing !== undefined) context.skip(gatewayMissing);
  expect(gatewayMissing).toBeUndefined();
});

test("a PostgreSQL with incremental base backups is there to be tried, or all tests of them are skipped", (context) => {
  if (incrementalMissing !== undefined) context.skip(incrementalMissing);
  expect(incrementalMissing).toBeUndefined();
});
