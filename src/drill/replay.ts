import { join } from "node:path";
import { heldSince } from "#backups/set-date.ts";
import type { Context } from "#context.ts";
import { closePool } from "#db/pool.ts";
import type { DrillOrder, RestoredStore } from "#drill/drill.ts";
import { drillPlace } from "#drill/place.ts";
import type { Drilled } from "#drill/record.ts";
import { copyState } from "#drill/scratch-state.ts";
import { cutOff } from "#drill/server.ts";
import { isLetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { silentProgress } from "#lib/progress.ts";
import type { Run } from "#records/run.ts";
import { standingOf } from "#restore/standing.ts";

const stateDatabase = "lethe_drill_state";

type Replayed = Pick<Drilled, "replayedMs" | "outcome" | "code" | "repeated" | "waiting">;

/** Repeats in the restored store what was erased since, by a copy of Lethe's own records beside it. */
export const replayIn = async (
  ctx: Context,
  run: Run,
  { server, database, store, set }: RestoredStore,
  replay: DrillOrder["replay"],
): Promise<Replayed> => {
  const began = performance.now();
  const there = { ...store, pool: server.pool(database, store.name) };
  const own = server.pool(stateDatabase, "state");
  try {
    await cutOff(there.pool);
    await there.pool.raw.query(`create database ${stateDatabase}`);
    const scratch: Context = {
      ...ctx,
      config: { ...ctx.config, export: exportOf(ctx) },
      state: await copyState(ctx.state, own),
      stores: [there],
      columnStores: [],
      progress: silentProgress,
    };
    await replay(scratch, run, there, { asOf: heldSince(set) }).catch((error: unknown) => {
      // Nobody was erased since the backup was made.
      if (!isLetheError(error, "STORE_NOT_RESTORED")) throw error;
    });
    faultPoint("after-drill-replayed");
    const { standing, waiting } = await standingOf(scratch, there);
    const repeated = await repeatedIn(scratch, run);
    const outcome = standing === "current" ? "clean" : "waiting";
    return { replayedMs: performance.now() - began, outcome, code: null, repeated, waiting };
  } finally {
    await Promise.all([closePool(there.pool), closePool(own)]);
  }
};

/** Copies of people's rows that a policy asks for before it erases go where everything else goes after the drill. */
const exportOf = ({ config }: Context): Context["config"]["export"] =>
  config.export === undefined ? undefined : { ...config.export, directory: join(drillPlace(config), "exports") };

const repeatedIn = async ({ state }: Context, run: Run): Promise<number> => {
  const { rows } = await state.pool.raw.query<{ repeated: number }>(
    `select count(*) as repeated from lethe.ledger_entry where kind = 'request.repeats' and run_id = $1`,
    [run.id],
  );
  return rows[0]?.repeated ?? 0;
};
