import { eraseInColumns } from "#clickhouse/erase.ts";
import { findInColumns } from "#clickhouse/find.ts";
import type { ColumnStore, Context, Store } from "#context.ts";
import { completeErased } from "#backups/custody.ts";
import { purgeBackups as purgeRepositories } from "#backups/purge.ts";
import { drillRepositories } from "#drill/drill.ts";
import { analyseState } from "#db/state.ts";
import { eraseInStore } from "#night/erasure.ts";
import { blockInStore, scheduleInStore } from "#night/waiting.ts";
import { reopenReactivated } from "#night/reactivation.ts";
import { expireInStore } from "#night/expiry.ts";
import { stopHeldBack } from "#night/held.ts";
import { changedBy, refreshViews, renewStatistics } from "#execute/aftermath.ts";
import { returnUndone } from "#execute/batches.ts";
import { stopNotFound } from "#execute/not-found.ts";
import { expiredTables } from "#execute/expired-tables.ts";
import { returnForApproval, type Stop } from "#execute/stops.ts";
import * as claims from "#execute/claims.ts";
import * as locations from "#execute/locations.ts";
import { assureJournal } from "#execute/store-session.ts";
import { unsettledElsewhere } from "#execute/wanted.ts";
import { currentShape, fitting } from "#forecast.ts";
import { endHolds } from "#holds/release.ts";
import { readPassedOn } from "#night/passed-on.ts";
import { shapeDigest } from "#plan/shape.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { publishReports as publish } from "#report/publish.ts";
import { closeDone } from "#restore/close-done.ts";
import { enterRepeats } from "#restore/enter-repeats.ts";
import { noticeRestore, type Told } from "#restore/notice.ts";
import { releaseStore } from "#restore/release.ts";
import { reviseRetention } from "#retention/revise.ts";
import { assertNotRestored, openRestores } from "#restore/standing.ts";
import { createScopeTables } from "#scope/derive.ts";
import { verifyExpired } from "#verify/expired.ts";
import { verifyErased as verify } from "#verify/verify-erased.ts";
import { Failures } from "#lib/failures.ts";
import { workOn } from "#night/work-on.ts";
import { find, findAcross, type Ask } from "#night/find-subjects.ts";

/**
 * The night: intake has brought in requests and people have approved them; here they are planned, executed, verified; old backups are
 * purged and what they held is released. `runJob` wraps it: lock, ledger, signed report.
 */
export const night = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  await failures.collect(() => reviseRetention(ctx, run));
  await failures.collect(() => repeatErasures(ctx, run));
  await failures.collect(() => erase(ctx, run));
  await failures.collect(() => verifyErased(ctx, run));
  await failures.collect(() => expireRecords(ctx, run));
  await failures.collect(() => purgeBackups(ctx, run));
  failures.rethrow();
};

/**
 * After a restore of a store, and before it serves: everybody who was erased since is recognised in it, erased once more and searched
 * for. Then it is released.
 */
export const replayErasures = async (ctx: Context, run: Run, store: Store, told: Told): Promise<void> => {
  ctx.progress.stage(`Recognise in ${store.name} who was erased`);
  const restore = await noticeRestore(ctx, run, store, told);
  await assureJournal(store);
  await enterRepeats(ctx, run, store, restore);
  await repeatErasures({ ...ctx, stores: [store], columnStores: [] }, run);
};

/** Works on what restores have undone, each in its store alone, until it is done; a store of which nothing is left to repeat is released. */
const repeatErasures = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  for (const restore of (await openRestores(ctx)).filter(({ scanned }) => scanned)) {
    const store = ctx.stores.find(({ name }) => name === restore.store);
    if (store === undefined) continue;
    await failures.collect(async () => {
      const there = { ...ctx, stores: [store], columnStores: [], restore: restore.id };
      await closeDone(ctx, run, restore);
      await erase(there, run);
      await verifyErased(there, run);
      await assertNotRestored(ctx, store);
      await releaseStore(ctx, run, restore);
    });
  }
  failures.rethrow();
};

/** Plans and executes everything that is approved, store by store. */
export const erase = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  await failures.collect(() => endHolds(ctx, run));
  await failures.collect(() => eraseInStores(ctx, run));
  await failures.collect(() => returnUndone(ctx, run));
  failures.rethrow();
};

const eraseInStores = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  const ambiguous: number[] = [];
  const unasked: Store[] = [];
  const unaskedColumns: ColumnStore[] = [];
  const passedOn = await readPassedOn(
    ctx,
    (store) => unsettledElsewhere(ctx, store),
    (store, work) => failures.collect(() => workOn(ctx, store, fitting(work))),
  );
  for (const store of ctx.stores) {
    if (!(await failures.collect(() => find(ctx, run, store, { ambiguous, passedOn })))) unasked.push(store);
  }
  const ask: Ask = async (store, work) => {
    if (!(await failures.collect(() => workOn(ctx, store, work)))) unasked.push(store);
  };
  if (ctx.stores.length > 1) await failures.collect(() => findAcross(ctx, run, { ambiguous, passedOn }, ask));
  for (const store of ctx.columnStores) {
    if (!(await failures.collect(() => findInColumns(ctx, run, store, { ambiguous, passedOn }))))
      unaskedColumns.push(store);
  }
  // Before what keeps them is asked: who is not there is kept by nothing.
  await stopNotFound(ctx, run, ambiguous);
  if (ctx.stores.length > 1) await failures.collect(() => blockAcross(ctx, run, ask));
  // What a store would forbid must not be half done in the others by the time it can be asked; nor what a hold forbids, whose person only that
  // store may know.
  if (unasked.some(({ policy }) => policy.blockers.length > 0)) failures.rethrow();
  if (unasked.length > 0 && (await locations.anyHeld(ctx))) failures.rethrow();
  // Where it could not be asked, a store may know more by now than what was found in an earlier night.
  const asked = ctx.stores.filter((store) => !unasked.includes(store));
  const heldBack: Stop[] = [];
  for (const store of asked) {
    // Who has to wait in one store must not be erased in the others meanwhile.
    if (!(await failures.collect(async () => void heldBack.push(...(await schedule(ctx, run, store))))))
      failures.rethrow();
  }
  // Somebody may be active again where it could not be seen.
  if (unasked.some(({ policy }) => policy.deletion.mark !== undefined)) failures.rethrow();
  for (const store of asked)
    await failures.collect(async () => void heldBack.push(...(await execute(ctx, run, store))));
  await stopHeldBack(ctx, run, heldBack);
  // Last: what is done there is not undone, and whom another store keeps is not claimed any more. One that could not be asked may let people wait.
  if (unasked.some(({ policy }) => policy.deletion.mode !== "hard")) failures.rethrow();
  for (const store of ctx.columnStores.filter((each) => !unaskedColumns.includes(each)))
    await failures.collect(() => eraseInColumns(ctx, run, store));
  failures.rethrow();
};

/** Searches every store for what was executed; only what is not found becomes `erased`. */
export const verifyErased = async (ctx: Context, run: Run): Promise<void> => {
  if (ctx.signal.aborted) return;
  ctx.progress.stage("Verify");
  await analyseState(ctx.state);
  for (const store of ctx.stores) {
    if (!(await anyChanged(ctx, run, store.name))) continue;
    await workOn(ctx, store, async (session) => {
      const { shape } = await currentShape(session);
      await renewStatistics(session, changedBy(shape));
    });
  }
  const { erased, failed } = await verify(ctx, run);
  ctx.progress.end(
    // Not "erased": a policy may leave what it says, or only mark.
    failed === 0 ? `${erased} verified` : `${erased} verified, ${failed} left residuals`,
  );
};

/** Lets go what is older than its period, with or without a request, and reads back what is still there and why. */
export const expireRecords = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  await failures.collect(() => endHolds(ctx, run));
  for (const store of ctx.stores) {
    if (ctx.signal.aborted || Object.values(store.policy.tables).every(({ expiry }) => expiry === undefined)) continue;
    await failures.collect(() =>
      workOn(ctx, store, async (session) => {
        const plan = await expireInStore(ctx, run, session);
        if (plan !== undefined) await verifyExpired(ctx, run, store, plan, await expiredTables(ctx, store.name));
      }),
    );
  }
  failures.rethrow();
};

/** Purges what is older than the policy allows, then completes the requests whose last backup is gone. */
export const purgeBackups = async (ctx: Context, run: Run): Promise<void> => {
  if (ctx.signal.aborted) return;
  ctx.progress.stage("Backups");
  const results = await purgeRepositories(ctx, run);
  const { completed } = await completeErased(ctx, run);
  const purged = results.reduce((sum, result) => sum + result.purged, 0);
  const kept = results.reduce((sum, result) => sum + result.kept, 0);
  ctx.progress.end(`${purged} purged, ${kept} kept, ${completed} requests completed`);
};

/** Restores backups to try them: what would be done in an emergency, on a server that nobody uses. */
export const drillBackups = (ctx: Context, run: Run, only?: string): Promise<void> =>
  drillRepositories(ctx, run, { only, replay: replayErasures });

/** Publishes the reports of runs that ended without one: what a full disk or a crash kept back. */
export const publishReports = async (ctx: Context): Promise<void> => {
  await publish(ctx);
};

/** A request that one store forbids is not begun in any. */
const blockAcross = async (ctx: Context, run: Run, ask: Ask): Promise<void> => {
  for (const store of ctx.stores) {
    if ((await claims.countClaims(ctx, store.name)) === 0) continue;
    await ask(store, async (session) => {
      const { shape } = await currentShape(session);
      await reopenReactivated(ctx, run, session);
      await createScopeTables(session.db, shape);
      await blockInStore(ctx, run, session, shape);
    });
  }
};

/** Where the policy gives a time of grace, requests that come up wait from now on; a subject that is only marked is marked. */
const schedule = async (ctx: Context, run: Run, store: Store): Promise<readonly Stop[]> => {
  const heldBack: Stop[] = [];
  if (store.policy.deletion.grace === undefined || !(await claims.anyUnscheduled(ctx, store.name))) return heldBack;
  await workOn(ctx, store, async (session) => {
    const { shape, catalog } = await currentShape(session);
    await createScopeTables(session.db, shape);
    heldBack.push(...(await scheduleInStore(ctx, run, session, { shape, catalog })));
  });
  return heldBack;
};

const execute = async (ctx: Context, run: Run, store: Store): Promise<readonly Stop[]> => {
  const heldBack: Stop[] = [];
  await workOn(ctx, store, async (session) => {
    if ((await claims.countClaims(ctx, store.name)) === 0 && !(await claims.anyExecuted(ctx, store.name))) return;
    ctx.progress.stage(`Erase in ${store.name}`);
    const { shape, catalog } = await currentShape(session);
    // Once more: the schema may have changed since the subjects were found.
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    const total = await claims.countClaims(ctx, store.name);
    await createScopeTables(session.db, shape);
    heldBack.push(...(await eraseInStore(ctx, run, session, { shape, catalog }, total)));
    if (await anyChanged(ctx, run, store.name)) await refreshViews(session, shape.refresh);
    ctx.progress.end(summary(shape, total));
  });
  return heldBack;
};

/** What views and statistics may still say of rows that are not as they were. */
const anyChanged = async (ctx: Context, run: Run, store: string): Promise<boolean> =>
  (await claims.anyExecuted(ctx, store)) || (await claims.anyCommitted(ctx, run, store));

const summary = (shape: Shape, subjects: number): string => {
  const tables = new Set(shape.steps.map((step) => step.table)).size;
  return `${subjects} ${subjects === 1 ? "subject" : "subjects"} in ${tables} tables`;
};
