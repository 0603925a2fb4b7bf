import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BackupConfig } from "#config.ts";
import type { Context, Store } from "#context.ts";
import { findNewestGood } from "#backups/decide.ts";
import { openRepository } from "#backups/open.ts";
import type { BackupSet, Repository } from "#backups/repository.ts";
import { knownSets } from "#backups/set-records.ts";
import { databaseError } from "#db/database-error.ts";
import { assertNoWayOut } from "#drill/links.ts";
import { loadDump, makeDatabase } from "#drill/load-dump.ts";
import { clearPlace, dataIn, drillPlace, filesIn, giveAll, makePlace } from "#drill/place.ts";
import { findPrograms } from "#drill/programs.ts";
import { recordDrill, type Drilled } from "#drill/record.ts";
import { replayIn } from "#drill/replay.ts";
import { makeCluster, startScratch, type ScratchServer } from "#drill/server.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Run } from "#records/run.ts";
import type { Told } from "#restore/notice.ts";

export type DrillOrder = {
  /** One repository by its name; all of them unless given. */
  readonly only: string | undefined;
  /** What follows a real restore, in the store and to the time given. */
  readonly replay: (ctx: Context, run: Run, store: Store, told: Told) => Promise<void>;
};

/**
 * Restores the newest good backup of each repository into a server of its own; erases again in it whoever was erased since, and searches; and destroys
 * it. What fails is the outcome of that drill, with its code, and stops no other; when Lethe's own database is lost the run fails.
 */
export const drillRepositories = async (ctx: Context, run: Run, order: DrillOrder): Promise<void> => {
  for (const config of ctx.config.backups) {
    if (ctx.signal.aborted) return;
    if (order.only !== undefined && config.name !== order.only) continue;
    ctx.progress.stage(`Restore a backup of ${config.name}, to try it`);
    const drilled = await drill(ctx, run, config, order);
    // What was left out because of that would have been done: nothing can be said of it.
    if (ctx.signal.aborted) return;
    await recordDrill(ctx, run, drilled);
    ctx.progress.end(drilled.code ?? drilled.outcome);
  }
};

const drill = async (ctx: Context, run: Run, config: BackupConfig, order: DrillOrder): Promise<Drilled> => {
  const place = drillPlace(ctx.config);
  const drilled = { repository: config.name, store: config.store, backup: null, restoredMs: null, replayedMs: null };
  let backup: Drilled["backup"] = null;
  try {
    const repository = openRepository(config, ctx.config.controller.timeZone);
    const set = await newestGood(ctx, config, repository);
    backup = { name: set.name, sha256: set.sha256 };
    const began = performance.now();
    const restored = await restore(ctx, { place, repository, set, store: storeOf(ctx, config) });
    const restoredMs = performance.now() - began;
    try {
      return { ...drilled, backup, restoredMs, ...(await replayIn(ctx, run, restored, order.replay)) };
    } finally {
      await restored.server.stop();
    }
  } catch (error) {
    // Where it is Lethe's own database that is lost, recording this says so.
    const failure = databaseError(error, config.store);
    // What we have stopped ourselves is nobody's failure, and is not recorded.
    if (ctx.signal.aborted)
      return { ...drilled, backup, outcome: "failed", code: "RUN_STOPPED", repeated: 0, waiting: 0 };
    if (!(failure instanceof LetheError)) throw error;
    ctx.log.warn({ err: failure, repository: config.name }, "the drill failed");
    return { ...drilled, backup, outcome: "failed", code: failure.code, repeated: 0, waiting: 0 };
  } finally {
    await clearPlace(place);
  }
};

const newestGood = async ({ state }: Context, { name }: BackupConfig, repository: Repository): Promise<BackupSet> => {
  const { sets } = await repository.inventory(await knownSets(state, name));
  const { good } = await findNewestGood(sets, repository.verifyRestorable);
  if (good !== undefined) return good;
  throw new LetheError("DRILL_IMPOSSIBLE", `there is no good backup in ${name}`, {
    hint: "see `lethe backups check` for what is wrong with them",
  });
};

const storeOf = ({ stores }: Context, { name, store }: BackupConfig): Store => {
  const found = stores.find((each) => each.name === store);
  if (found !== undefined) return found;
  throw new LetheError("DRILL_IMPOSSIBLE", `backups ${name} are of no store of PostgreSQL that is configured`, {
    hint: "restore one by hand to try it: a drill knows PostgreSQL",
  });
};

type Order = {
  readonly place: string;
  readonly repository: Repository;
  readonly set: BackupSet;
  readonly store: Store;
};

/** A backup that runs, and the store that it is of. */
export type RestoredStore = {
  readonly server: ScratchServer;
  readonly database: string;
  readonly store: Store;
  readonly set: BackupSet;
};

const restore = async (ctx: Context, { place, repository, set, store }: Order): Promise<RestoredStore> => {
  if (repository.restore === undefined) {
    throw new LetheError("DRILL_IMPOSSIBLE", "backups of this kind cannot be restored by Lethe", {
      hint: "restore one by hand to try it, and run `lethe backups replay` against a copy of the configuration",
    });
  }
  const live = await liveServer(store);
  // Whatever restores it may have to do so as the account that runs the server.
  const account = await makePlace(place, await findPrograms(live.major, ctx.config.drill.programs));
  const restored = await repository.restore(set, { data: dataIn(place), files: filesIn(place), signal: ctx.signal });
  faultPoint("after-drill-files");
  const isCluster = restored.kind === "cluster";
  if (isCluster) await assertNoWayOut(restored.data, place);
  const major = isCluster ? (await readFile(join(restored.data, "PG_VERSION"), "utf8")).trim() : live.major;
  const programs = await findPrograms(major, ctx.config.drill.programs);
  await giveAll(account, place);
  if (!isCluster) await makeCluster(place, programs, account, live.superuser);
  const server = await startScratch(place, programs, account, live.superuser);
  const { database } = live;
  if (!isCluster) {
    try {
      await makeDatabase(store.pool, server, database);
      const into = { database, programs, server, tablespaces: live.tablespaces, signal: ctx.signal };
      await loadDump(restored.file, into);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }
  faultPoint("after-drill-started");
  return { server, database, store, set };
};

/** What the store is called where it lives: a backup has the same database, and the same first user. */
const liveServer = async ({ pool }: Store) => {
  const { rows } = await pool.raw.query<{ major: string; database: string; superuser: string; tablespaces: boolean }>(
    `select (current_setting('server_version_num')::int / 10000)::text as major, current_database() as database,
      (select rolname from pg_roles where oid = 10) as superuser,
      exists (select from pg_tablespace where spcname !~ '^pg_') as tablespaces`,
  );
  const [live] = rows;
  if (live === undefined) throw new TypeError("a server that answers with nothing");
  return live;
};
