import { createHmac, type KeyObject } from "node:crypto";
import type { Context } from "#context.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import type { HeldRows, ReadableHold } from "#records/hold.ts";
import { isPart, type RemedySet, type RowSet, type Shape } from "#records/plan.ts";
import { deriveScopes, type ScopeSubject } from "#scope/derive.ts";
import { leaveOutHeld, readHeld, readRemedied } from "#scope/held-rows.ts";
import { readBlocked, readRemedySets, readRowSets, type Blocked } from "#scope/row-sets.ts";

/** The rows that a batch is about, and who of it may not run, or not as a whole. */
export type BatchRows = {
  readonly rowSets: readonly RowSet[];
  readonly remedies: readonly RemedySet[];
  readonly blocked: readonly Blocked[];
  readonly held: { readonly rows: readonly HeldRows[]; readonly remedied: ReadonlySet<number> };
};

/**
 * The row sets of a batch, and who may not run, in the snapshot of the caller's transaction. What legal holds cover is told of the whole; a part
 * is without it.
 */
export const readBatch = async (
  ctx: Context,
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
  holds: readonly ReadableHold[],
): Promise<BatchRows> => {
  await deriveScopes(session.client, session.db, shape, subjects);
  const secret = secretFrom(ctx.keys.pseudonym);
  const { timeZone } = ctx.config.controller;
  await leaveOut(ctx, session, shape, holds);
  const rows = isPart(shape.stage) ? [] : await readHeld(session.db, shape, holds, timeZone);
  return {
    held: { rows, remedied: rows.length === 0 ? new Set() : await readRemedied(session.db, shape) },
    blocked: await readBlocked(session.db, shape),
    rowSets: await readRowSets(session.db, shape, secret),
    remedies: await readRemedySets(session.db, shape, secret),
  };
};

/** A part of a shape is without what legal holds cover. */
export const leaveOut = async (
  ctx: Context,
  { db }: StoreSession,
  shape: Shape,
  holds: readonly ReadableHold[],
): Promise<void> => {
  if (isPart(shape.stage)) await leaveOutHeld(db, shape, holds, ctx.config.controller.timeZone);
};

/** The same without executing it, in a transaction that can write nothing. */
export const planBatch = (
  ctx: Context,
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
  holds: readonly ReadableHold[] = [],
): Promise<BatchRows> => inTransaction(session, "read-only", () => readBatch(ctx, session, shape, subjects, holds));

/** What fingerprints of rows are keyed with. */
const secretFrom = (key: KeyObject): string =>
  createHmac("sha256", key).update("row sets").digest().readBigInt64BE().toString();
