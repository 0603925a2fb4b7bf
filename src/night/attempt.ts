import { createHmac, type KeyObject } from "node:crypto";
import { faultPoint } from "#lib/fault.ts";
import { activeInBatch } from "#night/reactivation.ts";
import { abandonBatch, freezeBatch } from "#execute/batches.ts";
import { dayIn } from "#lib/clock.ts";
import { uuidFrom } from "#lib/random.ts";
import { leaveOut, readBatch } from "#night/batch-plan.ts";
import { holdsNow, type Held } from "#night/held.ts";
import { executeBatch } from "#execute/execute-batch.ts";
import type { Active } from "#execute/marks.ts";
import { BatchError, failureOf, readingFailure, type Failure } from "#execute/failure.ts";
import { inTransaction } from "#execute/store-session.ts";
import { discardExports, publishExports } from "#export/publish-exports.ts";
import { writeExports } from "#export/write-exports.ts";
import { planHash, planOf } from "#plan/shape.ts";
import type { WrittenExports } from "#records/export.ts";
import type { ReadableHold } from "#records/hold.ts";
import type { ScopeSubject } from "#scope/derive.ts";
import { firstChanged, rememberHeld } from "#scope/held-rows.ts";
import type { Blocked } from "#scope/row-sets.ts";
import { assertAnonymity } from "#execute/gate.ts";
import { GateError, type TooFew } from "#execute/too-few.ts";
import type { Work } from "#night/erasure.ts";

/** `moved`: a legal hold was placed or released meanwhile; nothing was frozen, and what was changed is undone. */
type Attempt =
  | { readonly kind: "committed"; readonly batch: string }
  | { readonly kind: "moved" }
  | Stopped
  | { readonly kind: "failed"; readonly failure: Failure };

/**
 * Nothing was changed: blockers or legal holds forbid some of its requests, somebody is active again, somebody has decided otherwise about
 * them, or too few look like them.
 */
type Stopped = {
  readonly kind: "stopped";
  readonly requests: ReadonlySet<number>;
  readonly blocked: readonly Blocked[];
  readonly active: readonly Active[];
  readonly held: Held;
  readonly tooFew: readonly TooFew[];
};

type Reasons = Partial<Pick<Stopped, "blocked" | "active" | "held" | "tooFew">>;

const stopped = (requests: readonly number[], why: Reasons = {}): Stopped => ({
  kind: "stopped",
  requests: new Set(requests),
  blocked: [],
  active: [],
  held: { rows: [], remedied: new Set() },
  tooFew: [],
  ...why,
});

/** Thrown to undo what was changed in the store: somebody decided otherwise meanwhile. */
class Undone extends Error {
  readonly outcome: Attempt;

  constructor(outcome: Attempt) {
    super("undone");
    this.outcome = outcome;
  }
}

const requestsOf = (stops: readonly { readonly request: number }[]): readonly number[] =>
  stops.map(({ request }) => request);

/**
 * One transaction in the store, on one snapshot: the rows are read, they are changed, and once nobody would be recognised in them the plan of exactly
 * these rows is saved in Lethe's own database (I2): of people who wait for company, night after night, nothing is recorded or exported but that they
 * wait. A crash after the saving rolls the store back, and the next run plans again.
 */
export const attemptBatch = async (
  { ctx, run, session, shape, catalog }: Work,
  subjects: readonly ScopeSubject[],
): Promise<Attempt> => {
  const id = uuidFrom(ctx.random(16));
  const requests = requestsOf(subjects);
  let phase = "reading" as "reading" | "changing" | "freezing" | "committing";
  let exported: WrittenExports | undefined;
  try {
    const outcome = await inTransaction(session, "read-write", async (): Promise<Attempt> => {
      const active = shape.stage === "soft" ? [] : await activeInBatch(ctx, session, requests);
      if (active.length > 0) return stopped(requestsOf(active), { active });
      const holds = await holdsNow(ctx, session.store, catalog);
      const { blocked, held, ...rows } = await readBatch(ctx, session, shape, subjects, holds);
      if (blocked.length > 0) return stopped(requestsOf(blocked), { blocked });
      if (held.rows.length > 0) return stopped(requestsOf(held.rows), { held });
      const refs = subjects.map(({ ref }) => ref);
      const plan = planOf(shape, refs, rows);
      const hash = planHash(plan);
      // A mark takes nothing away: what is exported is exported before it goes.
      exported = shape.stage === "soft" ? undefined : await writeExports(ctx, session, shape);
      phase = "changing";
      const { timeZone } = ctx.config.controller;
      const at = ctx.clock.now();
      const others = shape.effects.map(({ table }) => table);
      await rememberHeld(session.db, holds, others, timeZone);
      await executeBatch(session, shape, {
        id,
        planHash: hash,
        seed: seedFrom(ctx.keys.pseudonym, hash),
        at,
        day: dayIn(at, timeZone).toString(),
        timeZone,
        subjects,
        leaveOut: () => leaveOut(ctx, session, shape, holds),
      });
      refuseChanged(await firstChanged(session.db, holds, others));
      await assertAnonymity(session.db, shape, { timeZone, repeats: ctx.restore !== undefined });
      // From here on nobody's rows are touched: what fails is no subject's fault.
      phase = "freezing";
      await publishExports(ctx, run, exported);
      const decided = await freezeBatch(ctx, run, shape, plan, { id, planHash: hash, requests, holds });
      if (decided === "moved") throw new Undone({ kind: "moved" });
      if (decided.length > 0) throw new Undone(stopped(decided));
      phase = "committing";
      return { kind: "committed", batch: id };
    });
    if (outcome.kind === "committed") faultPoint("after-batch-commit");
    return outcome;
  } catch (error) {
    await discardExports(ctx, exported);
    if (error instanceof Undone) return error.outcome;
    if (phase === "reading") return { kind: "failed", failure: readingFailure(error) };
    if (error instanceof GateError) return stopped(requestsOf(error.tooFew), { tooFew: error.tooFew });
    // Lethe's own database is no subject's fault.
    const failure = phase === "freezing" ? undefined : failureOf(error);
    // What was never asked to commit is undone, whatever went wrong: its requests need not wait for the next run to ask.
    if (phase === "freezing") await abandonBatch(ctx, id).catch(() => undefined);
    // Whether a lost connection took the commit with it is for the next run to ask: the batch stays frozen.
    if (failure === undefined) throw error;
    if (phase === "committing") await abandonBatch(ctx, id);
    return { kind: "failed", failure };
  }
};

/** What the database does by itself, by triggers or foreign keys, must not reach what a legal hold covers: the batch is undone. */
const refuseChanged = (hold: ReadableHold | undefined): void => {
  if (hold === undefined) return;
  const { table, matter } = hold;
  const hint =
    "the database itself would change rows that a legal hold covers: the request goes on when the hold is released";
  throw new BatchError("HOLD_WOULD_CHANGE", `rows of ${table} that matter ${matter} needs would change`, hint, {
    table,
    matter,
  });
};

/** The randomness of a batch: unpredictable without our key, the same when the batch is run again after a crash. */
const seedFrom = (key: KeyObject, hash: string): string =>
  createHmac("sha256", key).update(`seed ${hash}`).digest("hex");
