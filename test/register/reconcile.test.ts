import { expect, test } from "vitest";
import { assertReconciled, equationText, reconciliationOf, type Tally } from "#register/reconcile.ts";

const counts = {
  received: 1_210,
  done: 1_200,
  refused: 4,
  withdrawn: 3,
  pending: 2,
  failed: 1,
  blocked: 1,
  overdue: 1,
};
const tally: Tally = { done: 1_200, refused: 4, withdrawn: 3, pending: 2, failed: 1 };
const sheets = { Requests: 1_210, Clocks: 1_210 };

const outcome = (change: {
  readonly counts?: Partial<typeof counts>;
  readonly entered?: number;
  readonly tally?: Partial<Tally>;
  readonly sheets?: Partial<typeof sheets>;
}): unknown => {
  const head = { counts: { ...counts, ...change.counts }, entered: change.entered ?? 1_210 };
  try {
    assertReconciled(reconciliationOf(head, { ...tally, ...change.tally }), { ...sheets, ...change.sheets });
    return "reconciles";
  } catch (error) {
    return error;
  }
};

test("what is on record, written and in the ledger reconciles when all of it is the same", () => {
  expect(outcome({})).toBe("reconciles");
  expect(equationText(counts)).toBe("1,210 received = 1,200 done + 4 refused + 3 withdrawn + 2 pending + 1 failed");
});

test.each([
  ["a row is missing", { tally: { pending: 1 } }, "received: 1210 on record, 1209 written and 1210 in the ledger"],
  ["a row is there twice", { tally: { done: 1_201 } }, "received: 1210 on record, 1211 written"],
  ["a row counts as something else", { tally: { done: 1_199, failed: 2 } }, "done: 1200 on record, 1199 written"],
  ["a request has no entry", { entered: 1_209 }, "1210 on record, 1210 written and 1209 in the ledger"],
  ["a sheet has fewer rows", { sheets: { Clocks: 1_209 } }, "1210 received, and 1209 rows of Clocks"],
  ["a sheet has more rows", { sheets: { Requests: 1_211 } }, "1210 received, and 1211 rows of Requests"],
  ["the parts are counted as less than the whole", { counts: { received: 1_211 }, entered: 1_211 }, "1211 on record"],
])("it does not when %s, and says which figure", (_, change, message) => {
  expect(outcome(change)).toMatchObject({
    code: "REGISTER_UNRECONCILED",
    exit: 1,
    message: expect.stringContaining(message),
    hint: expect.stringContaining("no workbook was written"),
  });
});
