import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type pg from "pg";
import { sql } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { previousCheckpoint } from "#ledger/read-entries.ts";
import { LetheError } from "#lib/errors.ts";
import type { Context } from "#context.ts";
import { assureCheckpoint, makeBundle, type BundleParts } from "#report/bundle.ts";
import { onFiles } from "#report/report-files.ts";
import { runScope } from "#report/scope.ts";
import { tellConserved } from "#report/tell-conserved.ts";
import { runReport } from "#reports/run-report.ts";

/** A name that a run's id has, and no path. */
const runName = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;

/**
 * Writes the signed bundle of an ended run to `<reports.directory>/<run id>` and records where. Idempotent: a bundle that
 * is recorded is left alone, one that was in place when we died is taken over, a half one is made again. Runners on
 * several machines take turns.
 *
 * @throws LetheError `REPORT_UNWRITABLE`, `LEDGER_CORRUPT`, or what the database refused; nothing is lost by any of them.
 */
export const publishReport = async (ctx: BundleParts, runId: string): Promise<{ directory: string }> => {
  if (!runName.test(runId))
    throw new LetheError("INTERNAL", "the id of the run is no file name", { hint: "report this" });
  const parent = ctx.config.reports.directory;
  const directory = join(parent, runId);
  await assureCheckpoint(ctx, runId);
  return withClient(ctx.state.pool, (client) =>
    inTurn(client, async () => {
      const db = kyselyOn<StateDb>(client);
      const run = await db.selectFrom("lethe.run").select("bundle").where("id", "=", runId).executeTakeFirst();
      if (typeof run?.bundle === "string") return { directory: run.bundle };
      // The final name appears by one rename of a finished bundle: what is there is whole.
      if (!(await exists(join(directory, "statement.dsse.json")))) {
        await tellConserved(db);
        await makeBundle(ctx, client, {
          directory,
          partial: join(parent, `.${runId}.partial`),
          definition: runReport,
          scope: (snapshot) => runScope(snapshot, runId),
          from: (snapshot, scope, size) => previousCheckpoint(snapshot.db, scope.from, size),
        });
      }
      await db.updateTable("lethe.run").set({ bundle: directory }).where("id", "=", runId).execute();
      return { directory };
    }),
  );
};

/** Publishes what runs that ended could not: a crash or a full disk after the work loses no report. Oldest first. */
export const publishReports = async (ctx: BundleParts): Promise<readonly string[]> => {
  const runs = await ctx.state.db
    .selectFrom("lethe.run")
    .select("id")
    .where("ended_at", "is not", null)
    .where("outcome", "is not", null)
    .where("bundle", "is", null)
    .orderBy("ended_at")
    .orderBy("id")
    .execute();
  const directories: string[] = [];
  for (const { id } of runs) directories.push((await publishReport(ctx, id)).directory);
  return directories;
};

/** Refuses to start a night whose report could not be written. Throws `REPORT_UNWRITABLE`. */
export const assertReportsWritable = async (ctx: Pick<Context, "config">): Promise<void> => {
  const { directory } = ctx.config.reports;
  await onFiles(directory, async () => {
    await mkdir(directory, { recursive: true });
    // One that died in between has left its probe: always under the same name, so that it is taken away with this one.
    const probe = join(directory, ".probe");
    await rm(probe, { force: true });
    try {
      // Large enough that a full disk refuses it.
      await writeFile(probe, Buffer.alloc(65_536), { flag: "wx", flush: true });
    } finally {
      await rm(probe, { force: true });
    }
  });
};

/** One bundle at a time over all machines, on the connection that makes it: its end, by a crash too, lets the next go. */
export const inTurn = async <T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> => {
  const db = kyselyOn(client);
  await sql`select pg_advisory_lock(hashtextextended('lethe.report', 0))`.execute(db);
  const result = await work();
  // After an error the pool closes the connection, and the lock goes with it.
  await sql`select pg_advisory_unlock(hashtextextended('lethe.report', 0))`.execute(db);
  return result;
};

export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
