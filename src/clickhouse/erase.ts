import { sql } from "kysely";
import { aloneWith } from "#clickhouse/alone.ts";
import { measureColumnsBefore } from "#clickhouse/anonymity.ts";
import { prepareBatch } from "#clickhouse/prepare.ts";
import type { ColumnBatch } from "#clickhouse/scope.ts";
import { settleBatches, type Saved } from "#clickhouse/settle.ts";
import { currentColumnShape } from "#clickhouse/shape.ts";
import type { When } from "#clickhouse/steps.ts";
import type { ColumnStore, Context } from "#context.ts";
import { freezeBatch } from "#execute/batches.ts";
import { claimPages, countClaims, type Claimed } from "#execute/claims.ts";
import { returnForApproval, stopRequests } from "#execute/stops.ts";
import { dayIn } from "#lib/clock.ts";
import { faultPoint } from "#lib/fault.ts";
import { uuidFrom } from "#lib/random.ts";
import { planHash, planOf, shapeDigest } from "#plan/shape.ts";
import type { Run } from "#records/run.ts";

/** Erases everybody who is due in a store of ClickHouse, batch by batch. Stops between batches when the run is asked to. */
export const eraseInColumns = (ctx: Context, run: Run, store: ColumnStore): Promise<void> =>
  aloneWith(ctx, store.name, async () => {
    if ((await countClaims(ctx, store.name)) === 0) return;
    ctx.progress.stage(`Erase in ${store.name}`);
    const { shape, catalog } = await currentColumnShape(store);
    // Once more: the schema may have changed since the subjects were found.
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    const total = await countClaims(ctx, store.name);
    if (total > 0) await measureColumnsBefore(ctx, run, store, catalog);
    let done = 0;
    for await (const claims of claimPages(ctx, store, undefined)) {
      await eraseAmong(ctx, run, { store, catalog, shape }, claims);
      done += claims.length;
      ctx.progress.advance(done, total, "subjects");
    }
    ctx.progress.end(`${total} ${total === 1 ? "subject" : "subjects"}`);
  });

/** Those who would be recognised wait, and the others go without them: which may leave others alone. */
const eraseAmong = async (
  ctx: Context,
  run: Run,
  where: Omit<ColumnBatch, "id">,
  claims: readonly Claimed[],
): Promise<void> => {
  for (let left = claims; left.length > 0;) {
    const stopped = await attempt(ctx, run, where, left);
    if (stopped.size === 0) return;
    left = left.filter(({ request }) => !stopped.has(request));
  }
};

/** Prepares, freezes and carries out a batch. Returns who of it has to wait or was decided about meanwhile: then nothing was changed. */
const attempt = async (
  ctx: Context,
  run: Run,
  where: Omit<ColumnBatch, "id">,
  subjects: readonly Claimed[],
): Promise<ReadonlySet<number>> => {
  const { store, shape } = where;
  const batch: ColumnBatch = { ...where, id: uuidFrom(ctx.random(16)) };
  const { tooFew, rowSets, ...prepared } = await prepareBatch(batch, subjects, whenOf(ctx));
  faultPoint("after-batch-prepared");
  if (tooFew.length > 0) {
    const stops = tooFew.map(({ request, code, detail }) => ({
      request,
      code,
      detail: { store: store.name, ...detail },
    }));
    await stopRequests(ctx, run, "failed", stops);
    return new Set(tooFew.map(({ request }) => request));
  }
  const refs = subjects.map(({ ref }) => ref);
  const plan = planOf(shape, refs, { rowSets, remedies: [] });
  await sql`insert into lethe.column_batch (id, prepared) values (${batch.id}, ${JSON.stringify(prepared satisfies Saved)}::jsonb)`.execute(
    ctx.state.db,
  );
  const requests = subjects.map(({ request }) => request);
  const decided = await freezeBatch(ctx, run, shape, plan, {
    id: batch.id,
    planHash: planHash(plan),
    requests,
    holds: [],
  });
  // No hold is placed on rows of such a store, so none can have moved.
  if (decided === "moved") throw new TypeError("no hold covers rows of ClickHouse");
  if (decided.length > 0) return new Set(decided);
  await settleBatches(ctx, run, store);
  return new Set();
};

const whenOf = (ctx: Context): When => {
  const now = ctx.clock.now();
  const { timeZone } = ctx.config.controller;
  return { instant: now.toString(), day: dayIn(now, timeZone).toString(), timeZone };
};
