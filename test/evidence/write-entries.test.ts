import { createPublicKey } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verifyEntries } from "#evidence/verify-ledger.ts";
import { writeEntries } from "#evidence/write-entries.ts";
import { appendEntries } from "#ledger/append.ts";
import { previousCheckpoint, readEntries } from "#ledger/read-entries.ts";
import { verifyCheckpoint } from "#ledger/verify-checkpoint.ts";
import { writeCheckpoint, type SignedCheckpoint } from "#ledger/write-checkpoint.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let night: TestContext;
let directory: string;
beforeEach(async () => {
  night = await testContext();
  directory = join(night.directory, "bundle");
  await mkdir(directory);
  await night.state.query(
    "insert into lethe.run (id, job, started_at, ledger_from, bundle) values ('first', 'nightly', now(), 0, 'somewhere')",
  );
});
afterEach(() => night.dispose());

const append = (count: number) => {
  const { state, clock } = night.context;
  const events = Array.from({ length: count }, (_, n) => ({ kind: "request.completed", request: `Ä-${n}` }) as const);
  return state.db.transaction().execute((trx) => appendEntries(trx, events, { at: clock.now(), run: null }));
};

const write = async (first: number, checkpoint: SignedCheckpoint): Promise<void> => {
  const { db } = night.context.state;
  const from = await previousCheckpoint(db, first, checkpoint.size);
  await writeEntries(directory, { checkpoint, from, entries: readEntries(db, from.size, checkpoint.size) });
};
const lines = async () => (await readFile(join(directory, "entries.jsonl"), "utf8")).trimEnd().split("\n");

test("the second bundle holds the entries since the first, which lead to the second's root", async () => {
  await append(1_003);
  await writeCheckpoint(night.context, "first");
  await append(2_500);
  const head = await writeCheckpoint(night.context, null);
  await write(1_100, head);
  expect(await lines()).toHaveLength(1 + 2_500);
  expect(await verifyEntries(directory, head)).toMatchObject({ size: 1_003 });
  const note = await readFile(join(directory, "checkpoint"), "utf8");
  expect(verifyCheckpoint(note, createPublicKey(night.context.keys.signing))).toMatchObject({
    ok: true,
    value: { size: 3_503 },
  });
});

test("a bundle for an earlier period reaches back to the checkpoint before it", async () => {
  await append(4);
  await writeCheckpoint(night.context, "first");
  await append(4);
  const head = await writeCheckpoint(night.context, null);
  await write(2, head);
  expect(await verifyEntries(directory, head)).toMatchObject({ size: 0 });
});

test("writing again gives the same bytes", async () => {
  await append(3);
  const head = await writeCheckpoint(night.context, "first");
  await write(0, head);
  const before = await lines();
  await append(2);
  await write(0, head);
  expect(await lines()).toEqual(before);
});

test.each([
  ["changed", "update lethe.ledger_entry set body = replace(body, 'Ä-1', 'Ä-2') where index = 1"],
  ["deleted", "delete from lethe.ledger_entry where index = 1"],
])("a ledger that was %s behind our back is not published", async (_, tamper) => {
  await append(3);
  const head = await writeCheckpoint(night.context, "first");
  await night.state.query(tamper);
  await expect(write(0, head)).rejects.toMatchObject({ code: "LEDGER_CORRUPT" });
});
