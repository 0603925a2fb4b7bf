import { afterEach, beforeEach, expect, test } from "vitest";
import { Temporal } from "temporal-polyfill";
import { closePool, kyselyOver, openPool } from "#db/pool.ts";
import type { StateDb } from "#db/state-schema.ts";
import { canonicalJson } from "#lib/canonical.ts";
import { appendEntries } from "#ledger/append.ts";
import { readEntries } from "#ledger/read-entries.ts";
import { appendLeaves, emptyRange, leafHash, rootOf } from "#ledger/tree.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { testState } from "#test/support/context.ts";

let state: Awaited<ReturnType<typeof testState>>;
beforeEach(async () => {
  state = await testState();
});
afterEach(() => state.dispose());

const at = Temporal.Instant.from("2026-11-02T02:00:00Z");
const meta = { at, run: "run-1" };

const completed = (count: number, prefix = "R"): LedgerEvent[] =>
  Array.from({ length: count }, (_, index) => ({ kind: "request.completed", request: `${prefix}-${index}` }));

const append = (events: readonly LedgerEvent[], options: { at: Temporal.Instant; run: string | null } = meta) =>
  state.db.transaction().execute((transaction) => appendEntries(transaction, events, options));

const entries = async (): Promise<{ index: number; body: string }[]> => {
  const { size } = await state.db.selectFrom("lethe.ledger_head").select("size").executeTakeFirstOrThrow();
  return Array.fromAsync(readEntries(state.db, 0, size));
};

const recomputed = async (): Promise<{ size: number; root: Buffer }> => {
  const range = appendLeaves(
    emptyRange,
    (await entries()).map(({ body }) => leafHash(body)),
  );
  return { size: range.size, root: rootOf(range) };
};

const head = () => state.db.selectFrom("lethe.ledger_head").select(["size", "root"]).executeTakeFirstOrThrow();

test("an entry is the canonical JSON of the event with its time and run", async () => {
  const range = await append([{ kind: "request.refused", request: "R-1", by: "p", reason: "identity" }]);
  expect(range).toEqual({ from: 0, to: 1 });
  expect(await state.database.query("select * from lethe.ledger_entry")).toEqual([
    {
      index: 0,
      kind: "request.refused",
      run_id: "run-1",
      request_ref: "R-1",
      body: '{"at":"2026-11-02T02:00:00.000Z","by":"p","kind":"request.refused","reason":"identity","request":"R-1","run":"run-1"}',
    },
  ]);
});

test("an event outside a run, about no request, is an entry too", async () => {
  await append([{ kind: "suppression.destroyed", store: "shop", entries: 3 }], { at, run: null });
  const [row] = await state.database.query("select run_id, request_ref, body from lethe.ledger_entry");
  expect(row).toEqual({
    run_id: null,
    request_ref: null,
    body: canonicalJson({
      at: "2026-11-02T02:00:00.000Z",
      entries: 3,
      kind: "suppression.destroyed",
      run: null,
      store: "shop",
    }),
  });
});

test("the head is the root over all entries, whatever the portions", async () => {
  for (const count of [1, 2, 5, 0, 4_001, 1]) await append(completed(count));
  expect(await head()).toEqual(await recomputed());
  expect((await head()).size).toBe(4_010);
  expect((await entries()).map(({ index }) => index)).toEqual(Array.from({ length: 4_010 }, (_, index) => index));
});

test("entries of a transaction that rolls back leave no trace", async () => {
  await append(completed(3));
  const before = await head();
  const failed = state.db.transaction().execute(async (transaction) => {
    await appendEntries(transaction, completed(5), meta);
    throw new Error("the change failed");
  });
  await expect(failed).rejects.toThrow("the change failed");
  expect(await head()).toEqual(before);
  expect(await append(completed(1))).toEqual({ from: 3, to: 4 });
  expect(await head()).toEqual(await recomputed());
});

test("nothing to append changes nothing and says where the ledger stands", async () => {
  expect(await append([])).toEqual({ from: 0, to: 0 });
  await append(completed(2));
  expect(await append([])).toEqual({ from: 2, to: 2 });
});

test("eight writers at once, the first entry included, make one tree without gaps", async () => {
  const pool = openPool({ url: state.database.url, max: 8, applicationName: "lethe test", label: "state" });
  try {
    const db = kyselyOver<StateDb>(pool);
    const writer = async (name: number): Promise<number[]> => {
      const indexes: number[] = [];
      for (let round = 0; round < 12; round += 1) {
        const events = completed(1 + ((name + round) % 4), `${name}-${round}`);
        const { from, to } = await db.transaction().execute((trx) => appendEntries(trx, events, meta));
        expect(to - from).toBe(events.length);
        for (let index = from; index < to; index += 1) indexes.push(index);
      }
      return indexes;
    };
    const all = (await Promise.all(Array.from({ length: 8 }, (_, name) => writer(name)))).flat();
    expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: all.length }, (_, index) => index));
    expect(await head()).toEqual(await recomputed());
    expect((await head()).size).toBe(all.length);
  } finally {
    await closePool(pool);
  }
});

test("a clock that went back more than five minutes stops the append", async () => {
  await append(completed(1));
  const early = append(completed(1), { at: at.subtract({ minutes: 5, milliseconds: 1 }), run: null });
  await expect(early).rejects.toMatchObject({ code: "CLOCK_WENT_BACK" });
  expect((await head()).size).toBe(1);
});

test("times in the ledger never decrease: a small skew is clamped to the entry before", async () => {
  await append(completed(1));
  await append(completed(1), { at: at.subtract({ minutes: 5 }), run: null });
  await append(completed(1), { at: at.add({ seconds: 1 }), run: null });
  const times = (await entries()).map(({ body }) => (JSON.parse(body) as { at: string }).at);
  expect(times).toEqual(["2026-11-02T02:00:00.000Z", "2026-11-02T02:00:00.000Z", "2026-11-02T02:00:01.000Z"]);
});

test("an instant between two milliseconds is not later than itself", async () => {
  const between = Temporal.Instant.from("2026-11-02T02:00:00.123456789Z");
  await append(completed(1), { at: between, run: null });
  await append(completed(1), { at: between, run: null });
  const times = (await entries()).map(({ body }) => (JSON.parse(body) as { at: string }).at);
  expect(times).toEqual(["2026-11-02T02:00:00.123Z", "2026-11-02T02:00:00.123Z"]);
});

test("reading stops at a hole in the ledger", async () => {
  await append(completed(5));
  await state.database.query("delete from lethe.ledger_entry where index = 2");
  await expect(entries()).rejects.toMatchObject({ code: "LEDGER_CORRUPT" });
});
