import { sql } from "kysely";
import { aloneWith } from "#clickhouse/alone.ts";
import { measureColumnsBefore } from "#clickhouse/anonymity.ts";
import { claimTables, dropTables } from "#clickhouse/own-tables.ts";
import { prepareBatch } from "#clickhouse/prepare.ts";
import type { ColumnBatch } from "#clickhouse/scope.ts";
import { settleBatches, type Saved } from "#clickhouse/settle.ts";
import { currentColumnShape } from "#clickhouse/shape.ts";
import type { When } from "#clickhouse/steps.ts";
import type { ColumnStore, Context } from "#context.ts";
import { freezeBatch } from "#execute/batches.ts";
import { claimPages, countClaims, type Claimed } from "#execute/claims.ts";
import type { Failure } from "#execute/failure.ts";
import { halving, type Unfinished } from "#execute/halving.ts";
import { returnForApproval, stopFailed, stopRequests } from "#execute/stops.ts";
import { dayIn } from "#lib/clock.ts";
import { isLetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { planHash, planOf, shapeDigest } from "#plan/shape.ts";
import type { Run } from "#records/run.ts";

type Where = Omit<ColumnBatch, "id">;

/** Erases everybody who is due in a store of ClickHouse, batch by batch. Stops between batches when the run is asked to. */
export const eraseInColumns = async (ctx: Context, run: Run, store: ColumnStore): Promise<void> => {
  await aloneWith(ctx, store.name, async () => {
    if ((await countClaims(ctx, store.name)) === 0) return;
    ctx.progress.stage(`Erase in ${store.name}`);
    const { shape, catalog } = await currentColumnShape(store);
    // Once more: the schema may have changed since the subjects were found.
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    const total = await countClaims(ctx, store.name);
    if (total > 0) await measureColumnsBefore(ctx, run, store, catalog);
    let done = 0;
    for await (const claims of claimPages(ctx, store, undefined)) {
      await halving(claims, {
        attempt: (some) => attempt(ctx, run, { store, catalog, shape }, some),
        fail: (claim, failure) => stopFailed(ctx, run, store.name, claim, failure),
      });
      done += claims.length;
      ctx.progress.advance(done, total, "subjects");
    }
    ctx.progress.end(`${total} ${total === 1 ? "subject" : "subjects"}`);
  });
};

/**
 * Prepares, freezes and carries out a batch; those who would be recognised wait, and the others go without them, which may leave others alone.
 * What fails before anything was changed may be one person's: the batch is halved until they are alone (I4).
 */
const attempt = async (
  ctx: Context,
  run: Run,
  where: Where,
  subjects: readonly Claimed[],
): Promise<Unfinished<Claimed> | undefined> => {
  const { store, shape } = where;
  if (subjects.length === 0) return undefined;
  const id = await claimTables(ctx, store);
  const prepared = await prepareBatch({ ...where, id }, subjects, whenOf(ctx)).catch(async (error: unknown) => {
    await dropTables(ctx, store, id);
    return failureOf(error);
  });
  if ("doubtful" in prepared) return { subjects, failure: prepared };
  faultPoint("after-batch-prepared");
  const { tooFew, moved, rowSets, ...saved } = prepared;
  const without = (stopped: ReadonlySet<number>): Promise<Unfinished<Claimed> | undefined> =>
    attempt(
      ctx,
      run,
      where,
      subjects.filter(({ request }) => !stopped.has(request)),
    );
  if (moved) {
    await dropTables(ctx, store, id);
    return { subjects, failure: changing };
  }
  if (tooFew.length > 0) {
    await dropTables(ctx, store, id);
    const stops = tooFew.map(({ request, code, detail }) => ({
      request,
      code,
      detail: { store: store.name, ...detail },
    }));
    await stopRequests(ctx, run, "failed", stops);
    return without(new Set(tooFew.map(({ request }) => request)));
  }
  const plan = planOf(
    shape,
    subjects.map(({ ref }) => ref),
    { rowSets, remedies: [] },
  );
  await sql`update lethe.column_batch set prepared = ${JSON.stringify(saved satisfies Saved)}::jsonb where id = ${id}`.execute(
    ctx.state.db,
  );
  const requests = subjects.map(({ request }) => request);
  const decided = await freezeBatch(ctx, run, shape, plan, { id, planHash: planHash(plan), requests, holds: [] });
  // No hold is placed on rows of such a store, so none can have moved.
  if (decided === "moved") throw new TypeError("no hold covers rows of ClickHouse");
  if (decided.length > 0) {
    await dropTables(ctx, store, id);
    return without(new Set(decided));
  }
  await settleBatches(ctx, run, store);
  return undefined;
};

/** Somebody goes on writing the people's rows. */
const changing: Failure = {
  code: "PLAN_MOVED",
  tries: 4,
  detail: { hint: "its rows kept changing while they were prepared; the next night tries again" },
  divisible: true,
  doubtful: undefined,
};

/** Whom ClickHouse cannot do it for; whether that is one person's fault or the store's, halving finds out. */
const failureOf = (error: unknown): Failure => {
  if (isLetheError(error, "TOTALS_CHANGED"))
    return { code: error.code, tries: 1, detail: { hint: error.hint }, divisible: true, doubtful: undefined };
  if (!isLetheError(error, "DATABASE_FAILED")) throw error;
  const hint =
    "ClickHouse cannot make of some row what the policy says: mend the row or the policy, then approve again";
  return { code: "CONSTRAINT_VIOLATED", tries: 1, detail: { hint }, divisible: true, doubtful: error };
};

const whenOf = (ctx: Context): When => {
  const now = ctx.clock.now();
  const { timeZone } = ctx.config.controller;
  return { instant: now.toString(), day: dayIn(now, timeZone).toString(), timeZone };
};
