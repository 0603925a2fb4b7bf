import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Context } from "#context.ts";
import { appendEntries } from "#ledger/append.ts";
import { frontierAt, previousCheckpoint, readEntries } from "#ledger/read-entries.ts";
import { appendLeaves, emptyRoot, leafHash, rootOf } from "#ledger/tree.ts";
import { verifyCheckpoint } from "#ledger/verify-checkpoint.ts";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
import { testContext, type TestContext } from "#test/support/context.ts";

let night: TestContext;
let ctx: Context;
beforeEach(async () => {
  night = await testContext();
  ctx = night.context;
});
afterEach(() => night.dispose());

const append = (count: number) => {
  const events = Array.from({ length: count }, (_, n) => ({ kind: "request.completed", request: `R-${n}` }) as const);
  return ctx.state.db.transaction().execute((trx) => appendEntries(trx, events, { at: ctx.clock.now(), run: null }));
};

const run = async (id: string, bundle: string | null): Promise<void> => {
  await night.state.query(
    "insert into lethe.run (id, job, started_at, ledger_from, bundle) values ($1, 'nightly', now(), 0, $2)",
    [id, bundle],
  );
};

test("a checkpoint is the signed head, and the same again at the same size", async () => {
  await append(5);
  const first = await writeCheckpoint(ctx, null);
  expect(await writeCheckpoint(ctx, null)).toEqual(first);
  const opened = verifyCheckpoint(first.note, createPublicKey(ctx.keys.signing));
  expect(opened).toEqual({ ok: true, value: { origin: "lethe/shop-gmbh", size: 5, root: first.root } });
  const rows = await night.state.query("select size, note from lethe.checkpoint");
  expect(rows).toEqual([{ size: 5, note: first.note }]);
});

test("a ledger without entries has a checkpoint", async () => {
  expect(await writeCheckpoint(ctx, null)).toMatchObject({ size: 0, root: emptyRoot });
});

test("after a change of key the same head is signed anew", async () => {
  await append(1);
  const first = await writeCheckpoint(ctx, null);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const second = await writeCheckpoint({ ...ctx, keys: { ...ctx.keys, signing: privateKey } }, null);
  expect(second.note).not.toBe(first.note);
  expect(verifyCheckpoint(second.note, publicKey).ok).toBe(true);
  expect(await night.state.query("select note from lethe.checkpoint")).toEqual([{ note: second.note }]);
});

test("two roots at one size are never both signed", async () => {
  await append(2);
  await writeCheckpoint(ctx, null);
  await night.state.query("update lethe.ledger_head set root = decode(repeat('ab', 32), 'hex')");
  await expect(writeCheckpoint(ctx, null)).rejects.toMatchObject({ code: "LEDGER_CORRUPT" });
});

test("a later root is reached from the frontier of a checkpoint and the entries since", async () => {
  await append(11);
  await writeCheckpoint(ctx, null);
  await append(1_234);
  const head = await writeCheckpoint(ctx, null);
  const from = await frontierAt(ctx.state.db, 11);
  if (from === undefined) throw new Error("no frontier");
  expect(rootOf(from)).toEqual(from.root);
  const since = await Array.fromAsync(readEntries(ctx.state.db, 11, head.size));
  expect(
    rootOf(
      appendLeaves(
        from,
        since.map(({ body }) => leafHash(body)),
      ),
    ),
  ).toEqual(head.root);
});

test("a bundle starts where the last published one ended, not at a checkpoint whose run died", async () => {
  await run("published", "a directory");
  await run("died", null);
  await append(3);
  await writeCheckpoint(ctx, "published");
  await append(3);
  await writeCheckpoint(ctx, "died");
  await append(3);
  expect(await previousCheckpoint(ctx.state.db, 6, 9)).toMatchObject({ size: 3 });
  expect(await previousCheckpoint(ctx.state.db, 2, 9)).toMatchObject({ size: 0, frontier: [] });
});

test("there is no frontier where no checkpoint was signed", async () => {
  await append(3);
  expect(await frontierAt(ctx.state.db, 2)).toBeUndefined();
  expect(await frontierAt(ctx.state.db, 0)).toEqual({ size: 0, frontier: [], root: emptyRoot });
});

test("a bundle never starts at its own end", async () => {
  await run("published", "a directory");
  await append(3);
  await writeCheckpoint(ctx, "published");
  expect(await previousCheckpoint(ctx.state.db, 3, 3)).toMatchObject({ size: 0 });
  expect(await previousCheckpoint(ctx.state.db, 3, 4)).toMatchObject({ size: 3 });
});
