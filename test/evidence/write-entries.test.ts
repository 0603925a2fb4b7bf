import { createPublicKey } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verifyEntries } from "#evidence/verify-ledger.ts";
import { writeLedgerFiles } from "#evidence/write-entries.ts";
import { appendEntries } from "#ledger/append.ts";
import { verifyCheckpoint } from "#ledger/verify-checkpoint.ts";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
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

const write = (ledger: { from: number; size: number }) => writeLedgerFiles(night.context.state.db, directory, ledger);
const lines = async () => (await readFile(join(directory, "entries.jsonl"), "utf8")).trimEnd().split("\n");

test("the second bundle holds the entries since the first, which lead to the second's root", async () => {
  await append(1_003);
  await writeCheckpoint(night.context, "first");
  await append(2_500);
  const head = await writeCheckpoint(night.context, null);
  await write({ from: 1_100, size: head.size });
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
  await write({ from: 2, size: head.size });
  expect(await verifyEntries(directory, head)).toMatchObject({ size: 0 });
});

test("writing again gives the same bytes", async () => {
  await append(3);
  const { size } = await writeCheckpoint(night.context, "first");
  await write({ from: 0, size });
  const before = await lines();
  await append(2);
  await write({ from: 0, size });
  expect(await lines()).toEqual(before);
});

test.each([
  ["changed", "update lethe.ledger_entry set body = replace(body, 'Ä-1', 'Ä-2') where index = 1"],
  ["deleted", "delete from lethe.ledger_entry where index = 1"],
  ["without a checkpoint", "delete from lethe.checkpoint"],
])("a ledger that was %s behind our back is not published", async (_, tamper) => {
  await append(3);
  const { size } = await writeCheckpoint(night.context, "first");
  await night.state.query(tamper);
  await expect(write({ from: 0, size })).rejects.toMatchObject({ code: "LEDGER_CORRUPT" });
});
