import { createHmac, type KeyObject } from "node:crypto";
import type { Context } from "#context.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import type { RemedySet, RowSet, Shape } from "#records/plan.ts";
import { deriveScopes, type ScopeSubject } from "#scope/derive.ts";
import { readBlocked, readRemedySets, readRowSets, type Blocked } from "#scope/row-sets.ts";

/** The rows that a batch is about, and who of it may not run. */
export type BatchRows = {
  readonly rowSets: readonly RowSet[];
  readonly remedies: readonly RemedySet[];
  readonly blocked: readonly Blocked[];
};

/** The row sets of a batch, and who may not run, in the snapshot of the caller's transaction. */
export const readBatch = async (
  ctx: Context,
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
): Promise<BatchRows> => {
  await deriveScopes(session.client, session.db, shape, subjects);
  const secret = secretFrom(ctx.keys.pseudonym);
  return {
    blocked: await readBlocked(session.db, shape),
    rowSets: await readRowSets(session.db, shape, secret),
    remedies: await readRemedySets(session.db, shape, secret),
  };
};

/** The same without executing it, in a transaction that can write nothing. */
export const planBatch = (
  ctx: Context,
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
): Promise<BatchRows> => inTransaction(session, "read-only", () => readBatch(ctx, session, shape, subjects));

/** What fingerprints of rows are keyed with. */
const secretFrom = (key: KeyObject): string =>
  createHmac("sha256", key).update("row sets").digest().readBigInt64BE().toString();
