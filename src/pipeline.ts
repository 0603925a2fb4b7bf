import type { Context, Store } from "#context.ts";
import type { Temporal } from "temporal-polyfill";
import { completeErased } from "#backups/custody.ts";
import { purgeBackups as purgeRepositories } from "#backups/purge.ts";
import { analyseState } from "#db/state.ts";
import { eraseInStore } from "#erasure.ts";
import { blockInStore, scheduleInStore } from "#waiting.ts";
import { reopenReactivated } from "#reactivation.ts";
import { expireInStore } from "#expiry.ts";
import { refreshViews, renewStatistics } from "#execute/aftermath.ts";
import { abandonBatch, returnUndone, unsettledBatches } from "#execute/batches.ts";
import { collectBatch } from "#execute/collect.ts";
import { marksInForce } from "#execute/guard-marks.ts";
import { assureGuards } from "#execute/guards.ts";
import { stopNotFound } from "#execute/not-found.ts";
import { releaseClaims, returnForApproval } from "#execute/stops.ts";
import * as claims from "#execute/claims.ts";
import * as locations from "#execute/locations.ts";
import { settleDoneBefore } from "#execute/same-person.ts";
import { alone, assureJournal, inTransaction, withStoreSession, type StoreSession } from "#execute/store-session.ts";
import {
  anyWantedAgain,
  saveAbsences,
  unsettledElsewhere,
  wantedAgain,
  wantedIn,
  type PassedOn,
} from "#execute/wanted.ts";
import { clearPartialExports } from "#export/directory.ts";
import { currentShape, fitting } from "#forecast.ts";
import { faultPoint } from "#lib/fault.ts";
import { normaliseFound } from "#lib/search-forms.ts";
import { readPassedOn } from "#passed-on.ts";
import { shapeDigest } from "#plan/shape.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { publishReports as publish } from "#report/publish.ts";
import { enterRepeats } from "#restore/enter-repeats.ts";
import { noticeRestore } from "#restore/notice.ts";
import { releaseStore } from "#restore/release.ts";
import { reviseRetention } from "#retention/revise.ts";
import { assertNotRestored, openRestores } from "#restore/standing.ts";
import { createScopeTables } from "#scope/derive.ts";
import { locate, type Wanted } from "#scope/locate.ts";
import { verifyExpired } from "#verify/expired.ts";
import { verifyErased as verify } from "#verify/verify-erased.ts";

/**
 * The night: intake has brought in requests and people have approved them; here they are planned, executed, verified; old backups are
 * purged and what they held is released. `runJob` wraps it: lock, ledger, signed report.
 */
export const night = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  await failures.collect(async () => void (await reviseRetention(ctx, run)));
  await failures.collect(() => repeatErasures(ctx, run));
  await failures.collect(() => erase(ctx, run));
  await failures.collect(() => verifyErased(ctx, run));
  await failures.collect(() => expireRecords(ctx, run));
  await failures.collect(() => purgeBackups(ctx, run));
  failures.rethrow();
};

/**
 * After a restore of a store to `asOf`, and before it serves: everybody who was erased since is recognised in it, erased once more and searched
 * for. Then it is released.
 */
export const replayErasures = async (ctx: Context, run: Run, store: Store, asOf: Temporal.Instant): Promise<void> => {
  ctx.progress.stage(`Recognise in ${store.name} who was erased`);
  const restore = await noticeRestore(ctx, run, store, asOf);
  await assureJournal(store);
  await enterRepeats(ctx, run, store, restore);
  await repeatErasures({ ...ctx, stores: [store] }, run);
};

/** Works on what restores have undone, each in its store alone, until it is done; a store of which nothing is left to repeat is released. */
const repeatErasures = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  for (const restore of (await openRestores(ctx)).filter(({ scanned }) => scanned)) {
    const store = ctx.stores.find(({ name }) => name === restore.store);
    if (store === undefined) continue;
    await failures.collect(async () => {
      const there = { ...ctx, stores: [store], restore: restore.id };
      await erase(there, run);
      await verifyErased(there, run);
      await releaseStore(ctx, run, restore);
    });
  }
  failures.rethrow();
};

/** Plans and executes everything that is approved, store by store. */
export const erase = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  await failures.collect(() => eraseInStores(ctx, run));
  await failures.collect(() => returnUndone(ctx, run));
  failures.rethrow();
};

const eraseInStores = async (ctx: Context, run: Run): Promise<void> => {
  const failures = new Failures();
  const ambiguous: number[] = [];
  const unasked: Store[] = [];
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
  // Before what keeps them is asked: who is not there is kept by nothing.
  await stopNotFound(ctx, run, ambiguous);
  if (ctx.stores.length > 1) await failures.collect(() => blockAcross(ctx, run, ask));
  // What a store would forbid must not be half done in the others by the time it can be asked; nor what a hold forbids, whose person only that
  // store may know.
  if (unasked.some(({ policy }) => policy.blockers.length > 0)) failures.rethrow();
  if (unasked.length > 0 && (await locations.anyHeld(ctx))) failures.rethrow();
  // Where it could not be asked, a store may know more by now than what was found in an earlier night.
  const asked = ctx.stores.filter((store) => !unasked.includes(store));
  for (const store of asked) {
    // Who has to wait in one store must not be erased in the others meanwhile.
    if (!(await failures.collect(() => schedule(ctx, run, store)))) failures.rethrow();
  }
  // Somebody may be active again where it could not be seen.
  if (unasked.some(({ policy }) => policy.deletion.mark !== undefined)) failures.rethrow();
  for (const store of asked) await failures.collect(() => execute(ctx, run, store));
  failures.rethrow();
};

/** Searches every store for what was executed; only what is not found becomes `erased`. */
export const verifyErased = async (ctx: Context, run: Run): Promise<void> => {
  if (ctx.signal.aborted) return;
  ctx.progress.stage("Verify");
  await analyseState(ctx.state);
  for (const store of ctx.stores) {
    if (!(await claims.anyExecuted(ctx, store.name))) continue;
    await workOn(ctx, store, async (session) => {
      const { shape } = await currentShape(session);
      await renewStatistics(session, shape);
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
  for (const store of ctx.stores) {
    if (ctx.signal.aborted || Object.values(store.policy.tables).every(({ expiry }) => expiry === undefined)) continue;
    await failures.collect(() =>
      workOn(ctx, store, async (session) => {
        const plan = await expireInStore(ctx, run, session);
        if (plan !== undefined) await verifyExpired(ctx, run, store, plan);
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

/** Publishes the reports of runs that ended without one: what a full disk or a crash kept back. */
export const publishReports = async (ctx: Context): Promise<void> => {
  await publish(ctx);
};

/** What a night knows of whom it looks up: the requests that cannot go on, and what stores have told before. */
type Lookup = { readonly ambiguous: number[]; readonly passedOn: PassedOn };

/** Works on a store; one that cannot be asked is noted. */
type Ask = (store: Store, work: (session: StoreSession) => Promise<void>) => Promise<void>;

/** Settles what a run that died left open, then looks up where the subjects of all due requests are. */
const find = (ctx: Context, run: Run, store: Store, { ambiguous, passedOn }: Lookup): Promise<void> =>
  workOn(ctx, store, async (session) => {
    ctx.progress.stage(`Find subjects in ${store.name}`);
    await analyseState(ctx.state);
    await settle(ctx, run, store);
    // Who was brought back by a restore has not activated anything.
    if (ctx.restore === undefined) await reopenReactivated(ctx, run, session);
    const { shape } = await currentShape(session);
    await assureGuards(session, shape, await marksInForce(ctx, store.name));
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    await locations.forgetLocations(ctx, store.name);
    const several = await lookUp(ctx, run, session, wantedIn(ctx, store.name, passedOn));
    ambiguous.push(...several);
    faultPoint("after-subjects-located");
    await settleDoneBefore(ctx, store.name, several);
    await saveAbsences(ctx, store.name, { ambiguous: several, passedOn });
    await analyseState(ctx.state);
    const count = await claims.countClaims(ctx, store.name);
    ctx.progress.end(several.length === 0 ? `${count} found` : `${count} found, ${several.length} ambiguous or held`);
  });

/** Nobody else works on the store meanwhile. */
const workOn = async (ctx: Context, store: Store, work: (session: StoreSession) => Promise<void>): Promise<void> => {
  await assureJournal(store);
  await assertNotRestored(ctx, store);
  return withStoreSession(store, (session) => alone(session, ctx.signal, () => work(session)));
};

/** Returns the requests that cannot go on: of two people, or of one whom another request holds. */
const lookUp = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  wanted: AsyncIterable<Wanted>,
): Promise<readonly number[]> => {
  const { name, policy } = session.store;
  const search = (whom: AsyncIterable<Wanted>) => locate(session.client, session.db, policy.subject, whom);
  const ambiguous = await inTransaction(session, "read-write", () =>
    locations.saveLocated(ctx, run, name, search(wanted), (kind, value) =>
      normaliseFound(kind, value, ctx.config.controller.country),
    ),
  );
  if (!(await locations.anyHeld(ctx))) return ambiguous;
  const held = await inTransaction(session, "read-write", () =>
    locations.stopHeld(ctx, run, name, search(locations.heldIn(ctx, name))),
  );
  return [...ambiguous, ...held];
};

/** A store may know a subject by what another one found. */
const findAcross = async (ctx: Context, run: Run, { ambiguous, passedOn }: Lookup, ask: Ask): Promise<void> => {
  for (let before = -1, now = 0; before < now;) {
    before = now;
    now = 0;
    for (const store of ctx.stores) {
      if (await anyWantedAgain(ctx, store.name, passedOn)) {
        await ask(store, async (session) => {
          ambiguous.push(...(await lookUp(ctx, run, session, wantedAgain(ctx, store.name, passedOn))));
        });
      }
      now += await claims.countClaims(ctx, store.name);
    }
  }
  await releaseClaims(ctx.state.db, ambiguous);
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

/** A batch that was frozen when its run died either committed, and the store's journal says so, or never happened. */
const settle = async (ctx: Context, run: Run, store: Store): Promise<void> => {
  for (const id of await unsettledBatches(ctx, store)) {
    if (!(await collectBatch(ctx, run, store, id))) await abandonBatch(ctx, id);
  }
  await clearPartialExports(ctx, store.name);
};

/** Where the policy gives a time of grace, requests that come up wait from now on; a subject that is only marked is marked. */
const schedule = async (ctx: Context, run: Run, store: Store): Promise<void> => {
  if (store.policy.deletion.grace === undefined || !(await claims.anyUnscheduled(ctx, store.name))) return;
  await workOn(ctx, store, async (session) => {
    const { shape } = await currentShape(session);
    await createScopeTables(session.db, shape);
    await scheduleInStore(ctx, run, session, shape);
  });
};

const execute = (ctx: Context, run: Run, store: Store): Promise<void> =>
  workOn(ctx, store, async (session) => {
    if ((await claims.countClaims(ctx, store.name)) === 0 && !(await claims.anyExecuted(ctx, store.name))) return;
    ctx.progress.stage(`Erase in ${store.name}`);
    const { shape } = await currentShape(session);
    // Once more: the schema may have changed since the subjects were found.
    await returnForApproval(ctx, run, store.name, shapeDigest(shape));
    const total = await claims.countClaims(ctx, store.name);
    await createScopeTables(session.db, shape);
    await eraseInStore(ctx, run, session, shape, total);
    if (await claims.anyExecuted(ctx, store.name)) await refreshViews(session, shape);
    ctx.progress.end(summary(shape, total));
  });

const summary = (shape: Shape, subjects: number): string => {
  const tables = new Set(shape.steps.map((step) => step.table)).size;
  return `${subjects} ${subjects === 1 ? "subject" : "subjects"} in ${tables} tables`;
};

/** One part of the night that fails does not keep the others from being done; the first failure is what the night ends with. */
class Failures {
  readonly #errors: unknown[] = [];
  /** Returns whether it went well. */
  async collect(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#errors.push(error);
      return false;
    }
  }
  rethrow(): void {
    if (this.#errors.length > 0) throw this.#errors[0];
  }
}
