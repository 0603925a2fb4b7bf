import { sql } from "kysely";
import type { Context } from "#context.ts";
import type { RequestCounts } from "#records/request.ts";
import type { Run, RunSummary } from "#records/run.ts";
import { snapshotOn } from "#report/cursor.ts";
import { readFigures, readTasks } from "#report/read-effects.ts";
import { readOutcomeCounts, readStayPlaces } from "#report/read-outcomes.ts";

/** The contract's document for one run, read back from Lethe's own records; `report` is filled in when the bundle is published. */
export const summarise = async (ctx: Context, run: Run, requests: RequestCounts): Promise<RunSummary> => {
  const { db } = ctx.state;
  const steps = await sql<RunSummary["steps"][number]>`
    select store, table_name as "table", treatment, sum(rows)::bigint as rows, sum(spared)::bigint as spared
    from lethe.disposition where run_id = ${run.id} group by 1, 2, 3 order by 1, 2`.execute(db);
  const residuals = await sql<{ rows: number }>`
    select coalesce(sum(rows), 0)::bigint as rows from lethe.residual where run_id = ${run.id}`.execute(db);
  const backups = await sql<{ purged: number; kept: number; oldest: string | null }>`
    select count(*) filter (where state = 'purged' and run_id = ${run.id}) as purged,
      count(*) filter (where state in ('listed', 'condemned')) as kept,
      min(taken_at) filter (where state in ('listed', 'condemned')) as oldest
    from lethe.backup_set`.execute(db);
  const exceptions = await sql<{ count: number }>`
    select count(*) from lethe.ledger_entry where run_id = ${run.id} and kind = 'backup.exception'`.execute(db);
  const found = residuals.rows[0]?.rows ?? 0;
  const attention = requests.failed > 0 || requests.overdue > 0 || found > 0;
  return {
    run: run.id,
    outcome: ctx.signal.aborted ? "stopped" : attention ? "attention" : "done",
    requests,
    steps: steps.rows,
    ...(await effectsOf(ctx, run)),
    backups: {
      ...(backups.rows[0] ?? { purged: 0, kept: 0, oldest: null }),
      exceptions: exceptions.rows[0]?.count ?? 0,
    },
    residuals: found,
    report: null,
  };
};

/** What became of the persons, read as the report will read it. */
const effectsOf = async (
  { state }: Context,
  run: Run,
): Promise<Pick<RunSummary, "outcomes" | "stays" | "figures" | "tasks">> => {
  const snapshot = snapshotOn(state.db);
  const row = await state.db
    .selectFrom("lethe.run")
    .select("ledger_from")
    .where("id", "=", run.id)
    .executeTakeFirstOrThrow();
  const scope = { ids: [run.id], from: row.ledger_from, through: Number.MAX_SAFE_INTEGER };
  const { requests } = await readOutcomeCounts(snapshot, scope);
  const places = await readStayPlaces(snapshot, scope);
  const figures = await readFigures(snapshot, scope);
  const tasks = await readTasks(snapshot);
  const sum = (key: "open" | "done" | "failed"): number => tasks.reduce((total, task) => total + task[key], 0);
  return {
    outcomes: requests,
    stays: {
      columns: new Set(places.map(({ store, table, column }) => JSON.stringify([store, table, column]))).size,
      tables: new Set(places.map(({ store, table }) => JSON.stringify([store, table]))).size,
    },
    figures: figures.map(({ meanwhile: _, ...figure }) => figure),
    tasks: { open: sum("open"), done: sum("done"), failed: sum("failed") },
  };
};
