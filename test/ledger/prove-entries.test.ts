import { afterEach, beforeEach, expect, test } from "vitest";
import { Temporal } from "temporal-polyfill";
import { appendEntries } from "#ledger/append.ts";
import { proveEntries } from "#ledger/prove-entries.ts";
import { inclusionProof } from "#ledger/proof.ts";
import { readEntries } from "#ledger/read-entries.ts";
import { appendLeaves, emptyRange, leafHash, rootOf } from "#ledger/tree.ts";
import { testState } from "#test/support/context.ts";

let state: Awaited<ReturnType<typeof testState>>;
beforeEach(async () => {
  state = await testState();
  const events = Array.from({ length: 2_500 }, (_, n) => ({ kind: "request.completed", request: `R-${n}` }) as const);
  const meta = { at: Temporal.Instant.from("2026-11-02T02:00:00Z"), run: null };
  await state.db.transaction().execute((tx) => appendEntries(tx, events, meta));
});
afterEach(() => state.dispose());

const leavesUpTo = async (size: number): Promise<readonly Buffer[]> =>
  (await Array.fromAsync(readEntries(state.db, 0, size))).map(({ body }) => leafHash(body));
const rootAt = (leaves: readonly Buffer[]): Buffer => rootOf(appendLeaves(emptyRange, leaves));

test.each([1, 999, 1_000, 1_001, 2_048, 2_500])(
  "in one pass over a ledger of %i entries the same paths come out as by the definition",
  async (size) => {
    const leaves = await leavesUpTo(size);
    const indexes = [0, 7, 998, 999, 1_000, 1_001, 2_047, 2_499].filter((index) => index < size);
    const proven = await proveEntries(state.db, new Set(indexes.toReversed()), { size, root: rootAt(leaves) });
    expect(proven.map(({ index }) => index)).toEqual(indexes);
    for (const { index, body, hashes } of proven) {
      expect(leafHash(body)).toEqual(leaves[index]);
      expect(hashes).toEqual(inclusionProof(leaves, index));
    }
  },
);

test("nothing is proven where an entry was changed, or is gone", async () => {
  const head = { size: 2_500, root: rootAt(await leavesUpTo(2_500)) };
  await state.database.query("update lethe.ledger_entry set body = '{}' where index = 1700");
  await expect(proveEntries(state.db, new Set([3]), head)).rejects.toMatchObject({ code: "LEDGER_CORRUPT" });
  await state.database.query("delete from lethe.ledger_entry where index = 1700");
  await expect(proveEntries(state.db, new Set([3]), head)).rejects.toMatchObject({ code: "LEDGER_CORRUPT" });
});
