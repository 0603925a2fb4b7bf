import { sql } from "kysely";
import { everyStore, type Context } from "#context.ts";
import { databaseError } from "#db/database-error.ts";
import { clearPlace, drillPlace } from "#drill/place.ts";
import { requestCounts } from "#intake/counts.ts";
import { appendEntries } from "#ledger/append.ts";
import { writeCheckpoint } from "#ledger/write-checkpoint.ts";
import { dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { runIdentifier } from "#lib/random.ts";
import { toolVersion } from "#lib/version.ts";
import type { RunOutcome } from "#records/entry.ts";
import type { Job } from "#records/job.ts";
import type { Run, RunSummary } from "#records/run.ts";
import { assertStateIsNewest } from "#report/own-state.ts";
import { rememberStores } from "#restore/remembered.ts";
import { assertReportsWritable, publishReport, publishReports } from "#report/publish.ts";
import { summarise } from "#run-summary.ts";

/** Number of the advisory lock in Lethe's own database that a run holds: "lethe" in ASCII. */
const runLock = 0x6c65746865;

/**
 * Runs one job once: alone (also between machines), with its beginning and end in the ledger, and a signed report at the end,
 * whatever happened in between. A job that fails is reported as failed, then its error is thrown.
 *
 * @throws LetheError `RUN_IN_PROGRESS`, `CLOCK_WENT_BACK`, `REPORT_UNWRITABLE`, `STATE_RESTORED` before anything is done; later what the job threw.
 */
export const runJob = async (context: Context, job: Omit<Job, "schedule">): Promise<RunSummary> =>
  withRunLock(context, async (ctx) => {
    await assertReportsWritable(ctx);
    await assertStateIsNewest(ctx);
    await clearPlace(drillPlace(ctx.config));
    const run = await beginRun(ctx, job.name);
    const ctxOfRun = { ...ctx, log: ctx.log.child({ run: run.id }) };
    ctxOfRun.log.info({ job: job.name }, "run started");
    let failure: unknown;
    try {
      await job.run(ctxOfRun, run);
    } catch (error) {
      failure = error;
      ctxOfRun.log.error({ err: error }, "job failed");
    }
    const summary = await endRun(ctxOfRun, run, failure === undefined ? undefined : "failed");
    ctxOfRun.log.info({ outcome: summary.outcome, requests: summary.requests }, "run ended");
    ctx.progress.stage("Report");
    // Reports that an earlier run could not write come first: bundles follow each other in the ledger.
    await publishReports(ctxOfRun);
    const { directory } = await publishReport(ctxOfRun, run.id);
    ctx.progress.end("signed");
    if (failure !== undefined) throw failure;
    return { ...summary, report: directory };
  });

const beginRun = async (ctx: Context, job: string): Promise<Run> => {
  const startedAt = ctx.clock.now();
  const run: Run = { id: runIdentifier(startedAt, ctx.random), job, startedAt };
  const policies = Object.fromEntries(everyStore(ctx).map((store) => [store.name, store.policy.digest]));
  await ctx.state.db.transaction().execute(async (tx) => {
    // We hold the lock, so a run without an end is one that died.
    await sql`update lethe.run set ended_at = ${startedAt.toString()}, outcome = 'failed' where ended_at is null`.execute(
      tx,
    );
    await sql`insert into lethe.run (id, job, started_at, ledger_from) values (${run.id}, ${job}, ${startedAt.toString()}, 0)`.execute(
      tx,
    );
    await rememberStores(tx, ctx.config, startedAt);
    const { from } = await appendEntries(tx, [{ kind: "run.started", job, tool: toolVersion(), policies }], {
      at: startedAt,
      run: run.id,
    });
    await sql`update lethe.run set ledger_from = ${from} where id = ${run.id}`.execute(tx);
  });
  return run;
};

const endRun = async (ctx: Context, run: Run, forced: "failed" | undefined): Promise<RunSummary> => {
  const at = ctx.clock.now();
  const requests = await requestCounts(ctx.state.db, dayIn(at, ctx.config.controller.timeZone));
  const summary = await summarise(ctx, run, requests);
  const outcome: RunOutcome = forced ?? summary.outcome;
  await ctx.state.db.transaction().execute(async (tx) => {
    await appendEntries(tx, [{ kind: "run.finished", outcome, requests }], { at, run: run.id });
    await sql`update lethe.run set ended_at = ${at.toString()}, outcome = ${outcome} where id = ${run.id}`.execute(tx);
  });
  faultPoint("after-run-ended");
  await writeCheckpoint(ctx, run.id);
  return summary;
};

/**
 * Holds the lock on a connection of its own for as long as `work` runs. When that connection breaks, the lock is gone and somebody else may
 * start: the run is told to stop, and the stores' journals see to it that nothing is done twice (I14).
 */
const withRunLock = async <T>(ctx: Context, work: (ctx: Context) => Promise<T>): Promise<T> => {
  const client = await ctx.state.pool.raw.connect().catch((error: unknown) => {
    throw databaseError(error, ctx.state.pool.label);
  });
  const lost = new AbortController();
  const onLoss = (): void => lost.abort();
  client.on("error", onLoss);
  try {
    const { rows } = await client.query<{ locked: boolean }>("select pg_try_advisory_lock($1) as locked", [runLock]);
    if (rows[0]?.locked !== true) {
      throw new LetheError("RUN_IN_PROGRESS", "another run is in progress", {
        hint: "wait for it to end: `lethe run` works on everything that is due, so nothing is missed",
      });
    }
    return await work({ ...ctx, signal: AbortSignal.any([ctx.signal, lost.signal]) });
  } catch (error) {
    throw databaseError(error, ctx.state.pool.label);
  } finally {
    client.off("error", onLoss);
    client.on("error", () => undefined);
    // A run that follows at once must find the lock free: the server notices a closed session only a little later.
    await client.query("select pg_advisory_unlock($1)", [runLock]).catch(() => undefined);
    client.release(true);
  }
};
