import { join } from "node:path";
import { heldSince } from "#backups/set-date.ts";
import type { Context, Store } from "#context.ts";
import { closePool } from "#db/pool.ts";
import type { DrillOrder, RestoredStore } from "#drill/drill.ts";
import { drillPlace } from "#drill/place.ts";
import type { Drilled } from "#drill/record.ts";
import { copyState } from "#drill/scratch-state.ts";
import { cutOff } from "#drill/server.ts";
import { isLetheError, LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import { silentProgress } from "#lib/progress.ts";
import type { Run } from "#records/run.ts";
import { standingOf } from "#restore/standing.ts";
import { relationText } from "#scope/sql.ts";

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
    await assertIsOf(store, there);
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
    const { standing, open } = await standingOf(scratch, there);
    const repeated = (await enteredIn(scratch, run)) - open;
    const outcome = standing === "current" ? "clean" : "waiting";
    return { replayedMs: performance.now() - began, outcome, code: null, repeated, waiting: open };
  } finally {
    await Promise.all([closePool(there.pool), closePool(own)]);
  }
};

/** A dump of another database, or one without its rows, holds nobody, and would look as if nobody were left in it. */
const assertIsOf = async (live: Store, there: Store): Promise<void> => {
  const { table } = live.policy.subject;
  const anybodyIn = async ({ pool }: Store): Promise<boolean> => {
    const { rows: found } = await pool.raw.query<{ there: boolean }>("select to_regclass($1) is not null as there", [
      relationText(table),
    ]);
    if (found[0]?.there !== true) return false;
    const { rows } = await pool.raw.query<{ any: boolean }>(
      `select exists (select from ${relationText(table)}) as any`,
    );
    return rows[0]?.any === true;
  };
  if (!(await anybodyIn(live)) || (await anybodyIn(there))) return;
  throw new LetheError("DRILL_FAILED", `nobody is in ${table} of the backup, and somebody in the store's`, {
    hint: "see whether it is a backup of this store, with its rows",
  });
};

/** Copies of people's rows that a policy asks for before it erases go where everything else goes after the drill. */
const exportOf = ({ config }: Context): Context["config"]["export"] =>
  config.export === undefined ? undefined : { ...config.export, directory: join(drillPlace(config), "exports") };

const enteredIn = async ({ state }: Context, run: Run): Promise<number> => {
  const { rows } = await state.pool.raw.query<{ entered: number }>(
    `select count(*) as entered from lethe.ledger_entry where kind = 'request.repeats' and run_id = $1`,
    [run.id],
  );
  return rows[0]?.entered ?? 0;
};
