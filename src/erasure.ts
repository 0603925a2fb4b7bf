import { createHmac, type KeyObject } from "node:crypto";
import type { Context } from "#context.ts";
import { sqlFailureOf, remedyFor } from "#db/database-error.ts";
import { isLetheError } from "#lib/errors.ts";
import type { Shape } from "#records/plan.ts";
import type { RequestDetail } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import { abandonBatch, collectBatch, freezeBatch, journalled } from "#execute/batches.ts";
import { nextClaims, stopRequests, valuesOf, type Claimed } from "#execute/claims.ts";
import { executeBatch } from "#execute/execute-batch.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { planHash, planOf } from "#plan/shape.ts";
import { deriveScopes, type ScopeSubject } from "#scope/derive.ts";
import { scopeSubjects } from "#scope/subjects.ts";
import { readBlocked, readRowSets, type Blocked } from "#scope/row-sets.ts";
import type { RowSet } from "#records/plan.ts";

/** How often a batch is run again whose rows moved, or which lost a race with another transaction. */
const attempts = 4;

/** Erases everybody who is due in one store, batch by batch. Stops between batches when the run is asked to. */
export const eraseInStore = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  shape: Shape,
  total: number,
): Promise<void> => {
  const { store } = session;
  let after = 0;
  let done = 0;
  while (!ctx.signal.aborted) {
    const claims = await nextClaims(ctx, store.name, after, store.config.batch);
    const last = claims.at(-1);
    if (last === undefined) return;
    after = last.request;
    await eraseBatch(ctx, run, session, shape, await subjectsOf(ctx, claims));
    done += claims.length;
    ctx.progress.advance(done, total, "subjects");
  }
};

const subjectsOf = async (ctx: Context, claims: readonly Claimed[]): Promise<readonly ScopeSubject[]> => {
  const values = await valuesOf(
    ctx,
    claims.map(({ request }) => request),
  );
  return scopeSubjects(
    claims.map(({ request, ref, key }) => ({ request, ref, key, values: values.get(request) ?? [] })),
  );
};

/**
 * Plan, freeze, execute, record: for one batch. What is one subject's fault is narrowed down by halving until the culprit is alone, and
 * that request fails with a code while the others finish (I4). What is nobody's fault stops work on the store.
 */
export const eraseBatch = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
  attempt = 1,
): Promise<void> => {
  if (subjects.length === 0) return;
  let planned: Awaited<ReturnType<typeof planBatch>>;
  try {
    planned = await planBatch(session, shape, subjects);
  } catch (error) {
    // A table that somebody has locked as a whole is nobody's fault; too many rows may be one subject's.
    const failure = failureOf(error);
    if (failure?.code !== "STATEMENT_TIMEOUT") throw error;
    return narrow(ctx, run, session, shape, subjects, failure);
  }
  const { rowSets, blocked } = planned;
  if (blocked.size > 0) {
    await stopBlocked(ctx, run, session, shape, blocked);
    return eraseBatch(
      ctx,
      run,
      session,
      shape,
      subjects.filter(({ request }) => !blocked.has(request)),
      attempt,
    );
  }
  const plan = planOf(
    shape,
    subjects.map(({ ref }) => ref),
    rowSets,
  );
  const hash = planHash(plan);
  const id = uuidFrom(ctx.random(16));
  const frozen = { id, planHash: hash, requests: subjects.map(({ request }) => request) };
  const stopped = new Set(await freezeBatch(ctx, run, shape, plan, frozen));
  if (stopped.size > 0) {
    const others = subjects.filter(({ request }) => !stopped.has(request));
    return eraseBatch(ctx, run, session, shape, others, attempt);
  }
  try {
    await executeBatch(session, shape, plan, {
      id,
      planHash: hash,
      seed: seedFrom(ctx.keys.pseudonym, hash),
      at: ctx.clock.now(),
      subjects,
    });
  } catch (error) {
    const failure = failureOf(error);
    // Whether a lost connection took the commit with it is for the next run to ask: the batch stays frozen.
    if (failure === undefined) throw error;
    await abandonBatch(ctx, id);
    if (failure.detail.table === "journal_request") return eraseOthers(ctx, run, session, shape, subjects);
    if (failure.again && attempt < attempts) return eraseBatch(ctx, run, session, shape, subjects, attempt + 1);
    return narrow(ctx, run, session, shape, subjects, failure);
  }
  await collectBatch(ctx, run, session, id);
};

/**
 * Stops the requests that a store's blockers forbid, before any store changes anything: a request that one store blocks must not be
 * half done in the others. Only the stop is kept; each batch looks again before it runs.
 */
export const blockInStore = async (ctx: Context, run: Run, session: StoreSession, shape: Shape): Promise<void> => {
  const { store } = session;
  for (let after = 0; !ctx.signal.aborted;) {
    const claims = await nextClaims(ctx, store.name, after, store.config.batch);
    const last = claims.at(-1);
    if (last === undefined) return;
    after = last.request;
    const { blocked } = await planBatch(session, shape, await subjectsOf(ctx, claims));
    await stopBlocked(ctx, run, session, shape, blocked);
  }
};

const stopBlocked = (
  ctx: Context,
  run: Run,
  session: StoreSession,
  shape: Shape,
  blocked: ReadonlyMap<number, Blocked>,
): Promise<void> =>
  stopRequests(
    ctx,
    run,
    "blocked",
    [...blocked.values()].map((found) => blockedStop(session, shape, found)),
  );

/** The row sets of a batch, and who may not run: read in one snapshot, in a transaction that can write nothing. */
export const planBatch = (
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
): Promise<{ readonly rowSets: readonly RowSet[]; readonly blocked: ReadonlyMap<number, Blocked> }> =>
  inTransaction(session, "read-only", async () => {
    await deriveScopes(session.client, session.db, shape, subjects);
    return { blocked: await readBlocked(session.db, shape), rowSets: await readRowSets(session.db, shape) };
  });

/** Somebody else has done some of them already: what they did is recorded, and the others are done. */
const eraseOthers = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
): Promise<void> => {
  const done = await journalled(
    session,
    subjects.map(({ ref }) => ref),
  );
  for (const batch of new Set(done.values())) await collectBatch(ctx, run, session, batch);
  const others = subjects.filter(({ ref }) => !done.has(ref));
  if (others.length < subjects.length) return eraseBatch(ctx, run, session, shape, others);
};

const narrow = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  shape: Shape,
  subjects: readonly ScopeSubject[],
  failure: Failure,
): Promise<void> => {
  const [culprit] = subjects;
  if (subjects.length === 1 && culprit !== undefined) {
    const detail = { store: session.store.name, ...failure.detail };
    return stopRequests(ctx, run, "failed", [{ request: culprit.request, code: failure.code, detail }]);
  }
  const middle = Math.ceil(subjects.length / 2);
  await eraseBatch(ctx, run, session, shape, subjects.slice(0, middle));
  return eraseBatch(ctx, run, session, shape, subjects.slice(middle));
};

type Failure = { readonly code: string; readonly again: boolean; readonly detail: RequestDetail };

/** What a subject's failure is called and where it happened; undefined when no subject is to blame. */
const failureOf = (error: unknown): Failure | undefined => {
  if (isLetheError(error, "PLAN_MOVED")) {
    return {
      code: "PLAN_MOVED",
      again: true,
      detail: { hint: "its rows kept changing while it was executed; the next night tries again" },
    };
  }
  if (isLetheError(error, "TOTALS_CHANGED"))
    return { code: "TOTALS_CHANGED", again: false, detail: { hint: error.hint } };
  const failure = sqlFailureOf(error);
  if (failure === undefined) return undefined;
  const remedy = remedyFor(failure.sqlstate);
  if (remedy === "store") return undefined;
  const place = Object.fromEntries(Object.entries(failure).filter(([, name]) => name !== undefined));
  return {
    code: remedy === "retry" ? "PLAN_MOVED" : requestCode(failure.sqlstate),
    again: remedy === "retry",
    detail: { ...place, hint: hintFor(failure.sqlstate) },
  };
};

const requestCode = (sqlstate: string): string =>
  sqlstate === "55P03" || sqlstate === "55006"
    ? "ROW_LOCKED"
    : sqlstate === "57014"
      ? "STATEMENT_TIMEOUT"
      : "CONSTRAINT_VIOLATED";

const hintFor = (sqlstate: string): string => {
  switch (requestCode(sqlstate)) {
    case "ROW_LOCKED":
      return "another session holds its rows; the next night tries again";
    case "STATEMENT_TIMEOUT":
      return "raise statement_timeout or index the references that lead to its rows; the next night tries again";
    default:
      return "mend the row or the policy, then `lethe request approve` again";
  }
};

const blockedStop = (session: StoreSession, shape: Shape, { request, code, table, rows }: Blocked) => {
  const hint = shape.blockers.find((blocker) => blocker.code === code)?.hint;
  const store = session.store.name;
  return {
    request,
    code,
    detail: {
      store,
      table,
      rows,
      hint: hint ?? `settle the ${rows === 1 ? "row" : "rows"} in ${table}; looked at again every night`,
    },
  };
};

/** The randomness of a batch: unpredictable without our key, the same when the batch is run again after a crash. */
const seedFrom = (key: KeyObject, hash: string): string =>
  createHmac("sha256", key).update(`seed ${hash}`).digest("hex");

/** RFC 9562, version 4, from the given 16 bytes. */
const uuidFrom = (bytes: Uint8Array): string => {
  const hex = Buffer.from(bytes).toString("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};
