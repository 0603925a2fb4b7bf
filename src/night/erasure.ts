import type { Catalog } from "#catalog/catalog.ts";
import type { Context } from "#context.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { reopen } from "#night/reactivation.ts";
import { collectBatch } from "#execute/collect.ts";
import { journalled } from "#execute/journal.ts";
import { holdBack, type ErasePart } from "#night/held.ts";
import { claimPages, valuesOf, type Claimed } from "#execute/claims.ts";
import { eraseTogether, forgetGathered, gather, stopGathered } from "#night/company.ts";
import { eraseLate, erasePartLate } from "#night/late.ts";
import { measureBefore } from "#night/measure-before.ts";
import { Records } from "#night/records.ts";
import type { Failure } from "#execute/failure.ts";
import { halving, type Unfinished } from "#execute/halving.ts";
import { stopBlocked, stopFailed, type Stop } from "#execute/stops.ts";
import type { StoreSession } from "#execute/store-session.ts";
import type { ScopeSubject } from "#scope/derive.ts";
import { redacts, scopeSubjects, unnamed } from "#scope/subjects.ts";
import type { TooFew } from "#execute/too-few.ts";
import { attemptBatch } from "#night/attempt.ts";

/** What a night does in one store, and where what was done is recorded. */
export type Work = {
  readonly ctx: Context;
  readonly run: Run;
  readonly session: StoreSession;
  readonly shape: Shape;
  readonly catalog: Catalog;
  readonly records: Records;
  /** What legal holds on rows keep back here. Said once every store was worked on: in the others everything goes. */
  readonly heldBack: Stop[];
  /** What becomes of those who would be recognised, and are left out of their batch. */
  readonly tooFew: (found: readonly TooFew[]) => Promise<void>;
};

/**
 * Erases everybody who is due in one store, batch by batch. Stops between batches when the run is asked to. Returns who waits for a legal hold on
 * rows.
 */
export const eraseInStore = async (
  ctx: Context,
  run: Run,
  session: StoreSession,
  { shape, catalog }: Pick<Work, "shape" | "catalog">,
  total: number,
): Promise<readonly Stop[]> => {
  const { store } = session;
  const waits = shape.deletion.grace !== undefined;
  const work: Work = {
    ctx,
    run,
    session,
    shape,
    catalog,
    records: new Records((batch) => collectBatch(ctx, run, store, batch)),
    heldBack: [],
    tooFew: (found) => gather({ ctx, session }, found),
  };
  const erase = async (on: Work, claims: readonly Claimed[]): Promise<number> =>
    eraseBatch(on, await subjectsOf(ctx, shape, claims));
  try {
    if (shape.stage !== "soft" && total > 0) await measureBefore({ ctx, run, session, catalog });
    await forgetGathered(ctx, store);
    let done = 0;
    let attempts = 0;
    for await (const claims of claimPages(ctx, store, waits ? "scheduled" : undefined)) {
      attempts += await erase(work, claims);
      done += claims.length;
      ctx.progress.advance(done, total, "subjects");
    }
    // Of a single batch nobody was apart from anybody.
    if (attempts > 1) await eraseTogether(work, erase);
    await eraseLate(work, erase);
    await stopGathered(work);
  } catch (error) {
    await work.records.complete().catch(() => undefined);
    throw error;
  }
  await work.records.complete();
  return work.heldBack;
};

/** With what to redact in their rows, where the rules redact anything: only then do names and identifiers leave Lethe's own database. */
const subjectsOf = async (ctx: Context, shape: Shape, claims: readonly Claimed[]): Promise<readonly ScopeSubject[]> => {
  if (!redacts(shape)) return unnamed(claims);
  const values = await valuesOf(
    ctx,
    claims.map(({ request }) => request),
  );
  return scopeSubjects(
    claims.map(({ request, ref, key }) => ({ request, ref, key, values: values.get(request) ?? [] })),
  );
};

/**
 * Plan, execute, freeze, commit, record: for one batch. What is one subject's fault is narrowed down by halving until the culprit is alone, and
 * that request fails with a code while the others finish (I4). What is nobody's fault stops work on the store. Returns in how many parts it was
 * tried.
 */
export const eraseBatch = async (work: Work, subjects: readonly ScopeSubject[]): Promise<number> => {
  let attempts = 0;
  await halving(subjects, {
    attempt: (some) => {
      attempts += 1;
      return attemptFree(work, some);
    },
    fail: (subject, failure) => stopAlone(work, subject, failure),
  });
  return attempts;
};

/** Without those who may not run, who are stopped; nor those whom somebody else has done. */
const attemptFree = async (
  work: Work,
  subjects: readonly ScopeSubject[],
): Promise<Unfinished<ScopeSubject> | undefined> => {
  if (subjects.length === 0) return undefined;
  const outcome = await attemptBatch(work, subjects);
  switch (outcome.kind) {
    case "committed":
      await work.records.add(outcome.batch);
      return undefined;
    case "stopped": {
      const store = work.session.store.name;
      await stopBlocked(work.ctx, work.run, store, work.shape, outcome.blocked);
      await reopen(work.ctx, work.run, store, outcome.active);
      if (outcome.tooFew.length > 0) await work.tooFew(outcome.tooFew);
      if (outcome.held.rows.length > 0) await holdBack(work, outcome.held, subjects, erasePart);
      return attemptFree(
        work,
        subjects.filter(({ request }) => !outcome.requests.has(request)),
      );
    }
    case "moved":
      return attemptFree(work, subjects);
    case "failed": {
      const { failure } = outcome;
      const others = failure.detail.table === "journal_request" ? await recordDone(work, subjects) : subjects;
      return others.length < subjects.length ? attemptFree(work, others) : { subjects, failure };
    }
  }
};

/** As `eraseBatch`, of subjects the rest of whom a legal hold needs: who fails at a part may pass as a whole, once the hold is over. */
const erasePart: ErasePart = async (work, subjects) => {
  const failed = new Map<number, Pick<Failure, "code" | "detail">>();
  const erase = (part: Work, some: readonly ScopeSubject[]): Promise<void> =>
    halving(some, {
      attempt: (each) => attemptFree(part, each),
      fail: ({ request }, failure) => Promise.resolve(void failed.set(request, failure)),
    });
  const found: TooFew[] = [];
  await erase({ ...work, tooFew: (some) => Promise.resolve(void found.push(...some)) }, subjects);
  const waiting = await erasePartLate(work, subjects, found, erase);
  for (const { request, code, detail } of waiting) failed.set(request, { code, detail });
  return failed;
};

/** A hold that keeps a subject from being erased is no failure: the request waits for it. */
const stopAlone = async (work: Work, subject: ScopeSubject, failure: Failure): Promise<void> => {
  const { name } = work.session.store;
  if (failure.code !== "HOLD_WOULD_CHANGE") return stopFailed(work.ctx, work.run, name, subject, failure);
  work.heldBack.push({ request: subject.request, code: "LEGAL_HOLD", detail: { store: name, ...failure.detail } });
};

/** Somebody else has done some of them already: what they did is recorded. Returns the others. */
const recordDone = async (work: Work, subjects: readonly ScopeSubject[]): Promise<readonly ScopeSubject[]> => {
  const done = await journalled(
    work.session,
    work.shape.stage,
    subjects.map(({ ref }) => ref),
  );
  for (const batch of new Set(done.values())) await work.records.add(batch);
  return subjects.filter(({ ref }) => !done.has(ref));
};
