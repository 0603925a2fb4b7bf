import type { Context } from "#context.ts";
import { planBatch } from "#night/batch-plan.ts";
import { eraseBatch, type Work } from "#night/erasure.ts";
import { Records } from "#night/records.ts";
import { appendEntries } from "#ledger/append.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { claimPages, type Claimed } from "#execute/claims.ts";
import { collectBatch } from "#execute/collect.ts";
import { readingFailure } from "#execute/failure.ts";
import { halving } from "#execute/halving.ts";
import { scheduleRequests } from "#execute/schedule.ts";
import { stopBlocked, stopFailed, type Stop } from "#execute/stops.ts";
import type { StoreSession } from "#execute/store-session.ts";
import { softStage } from "#plan/deletion.ts";
import { unnamed } from "#scope/subjects.ts";

/**
 * Stops the requests that a store's blockers forbid, before any store changes anything: a request that one store blocks must not be
 * half done in the others. Only the stop is kept; each batch looks again before it runs.
 */
export const blockInStore = async (ctx: Context, run: Run, session: StoreSession, shape: Shape): Promise<void> => {
  for await (const claims of claimPages(ctx, session.store, undefined)) {
    await stopAmong(ctx, run, session, shape, claims, async () => undefined);
  }
};

/**
 * Begins the time of grace for everybody whose request comes up in a store that has one, and whom nothing blocks. Where deletion has two
 * parts, its first is done now: the root row is marked.
 */
export const scheduleInStore = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  { shape, catalog }: Pick<Work, "shape" | "catalog">,
): Promise<readonly Stop[]> => {
  const { store } = session;
  const records = new Records((batch) => collectBatch(ctx, run, store, batch));
  const work: Work = { ctx, run, session, shape: softStage(shape), catalog, records, heldBack: [], tooFew: never };
  for await (const claims of claimPages(ctx, store, "unscheduled")) {
    await stopAmong(ctx, run, session, shape, claims, async (free) => {
      if (shape.deletion.mode === "soft-then-hard") return void (await eraseBatch(work, unnamed(free)));
      await ctx.state.db.transaction().execute(async (tx) => {
        const refs = free.map(({ ref }) => ref);
        const events = await scheduleRequests(ctx, tx, run, store, { refs, mark: null });
        await appendEntries(tx, events, { at: ctx.clock.now(), run: run.id });
      });
    });
  }
  await records.complete();
  return work.heldBack;
};

/** A mark changes nothing in which anybody is hidden. */
const never = (): Promise<void> => Promise.reject(new TypeError("nobody is hidden by a mark"));

/** Reads who of a page is blocked, or cannot be read at all, and stops those; `go` is for whom nothing is in the way. */
const stopAmong = (
  ctx: Context,
  run: Run,
  session: StoreSession,
  shape: Shape,
  page: readonly Claimed[],
  go: (free: readonly Claimed[]) => Promise<void>,
): Promise<void> => {
  const store = session.store.name;
  return halving(page, {
    attempt: async (claims) => {
      const planned = await planBatch(ctx, session, shape, unnamed(claims)).catch(readingFailure);
      if (!("blocked" in planned)) return { subjects: claims, failure: planned };
      await stopBlocked(ctx, run, store, shape, planned.blocked);
      const stopped = new Set(planned.blocked.map(({ request }) => request));
      await go(claims.filter(({ request }) => !stopped.has(request)));
      return undefined;
    },
    fail: (claim, failure) => stopFailed(ctx, run, store, claim, failure),
  });
};
