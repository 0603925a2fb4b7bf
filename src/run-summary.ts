import { sql } from "kysely";
import type { Context } from "#context.ts";
import { dayIn } from "#lib/clock.ts";
import type { RequestCounts } from "#records/request.ts";
import type { Run, RunSummary } from "#records/run.ts";
import type { TaskState } from "#records/task.ts";
import { outcomes, type Outcome } from "#records/treatment.ts";
import { snapshotOn } from "#report/cursor.ts";
import { warnings } from "#report/read-requests.ts";
import { readRestores } from "#report/read-restores.ts";
import { readFigures, readTasks } from "#report/read-effects.ts";

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
  const exceptions = await exceptionsOf(ctx, run);
  const drills = await sql<
    RunSummary["drills"][number]
  >`select repository, store, name as backup, outcome, code, restored_s as restored,
      replayed_s as replayed, repeated, waiting from lethe.drill where run_id = ${run.id} order by id`.execute(db);
  const failed = drills.rows.some(({ outcome }) => outcome !== "clean");
  const found = residuals.rows[0]?.rows ?? 0;
  const warned = await warningsOf(ctx);
  const attention =
    requests.failed > 0 ||
    requests.overdue > 0 ||
    warned.notConfirmed > 0 ||
    found > 0 ||
    failed ||
    exceptions.urgent > 0;
  return {
    run: run.id,
    outcome: ctx.signal.aborted ? "stopped" : attention ? "attention" : "done",
    requests,
    warnings: warned,
    steps: steps.rows,
    ...(await expiryOf(ctx, run)),
    ...(await effectsOf(ctx, run)),
    backups: {
      ...(backups.rows[0] ?? { purged: 0, kept: 0, oldest: null }),
      exceptions: exceptions.all,
    },
    restores: (await readRestores(snapshotOn(db), { ids: [run.id] })).map(
      ({ store, asOf, repeated, refused, open, released }) => ({
        store,
        asOf,
        repeated,
        refused,
        open,
        released: released !== null,
      }),
    ),
    drills: drills.rows,
    residuals: found,
    report: null,
  };
};

/** Nothing goes in the repository any more, or it could not be restored from, until somebody does something. */
const stuck = [
  "BACKUPS_UNREADABLE",
  "BACKUP_MOVED",
  "BACKUP_UNCONFIGURED",
  "BACKUP_LAST_GOOD",
  "BACKUP_NOT_RESTORABLE",
];

/**
 * What the run found wrong with backups. `urgent`: somebody has to do something, or it breaks the retention by now. What is no backup is named every
 * night and left to people: of itself it wakes nobody.
 */
const exceptionsOf = async (
  { state, clock, config }: Context,
  run: Run,
): Promise<{ readonly all: number; readonly urgent: number }> => {
  const today = dayIn(clock.now(), config.controller.timeZone).toString();
  const { rows } = await sql<{ all: number; urgent: number }>`select count(*) as all,
      count(*) filter (where (body ->> 'breach' <= ${today} and body ->> 'code' <> 'BACKUP_FOREIGN') or body ->> 'code' = any (${stuck}::text[])
        or (body ->> 'code' = 'BACKUP_NONE' and exists (select from lethe.backup_set held
          where held.repository = body ->> 'repository' and held.state in ('listed', 'condemned')))) as urgent
    from (select body::jsonb from lethe.ledger_entry where run_id = ${run.id} and kind = 'backup.exception') as entry`.execute(
    state.db,
  );
  return rows[0] ?? { all: 0, urgent: 0 };
};

/** What went because its time was over, and how to find it faster. */
const expiryOf = async ({ state: { db } }: Context, run: Run): Promise<Pick<RunSummary, "expired" | "indexes">> => {
  const expired = await sql<RunSummary["expired"][number]>`
    select store, table_name as "table", treatment, sum(rows)::bigint as rows
    from lethe.expiry where run_id = ${run.id} group by 1, 2, 3 order by 1, 2, 3`.execute(db);
  const indexes = await sql<RunSummary["indexes"][number]>`
    select store, table_name as "table", proposal from lethe.expiry_rest
    where run_id = ${run.id} and proposal <> '{}' order by 1, 2`.execute(db);
  return { expired: expired.rows, indexes: indexes.rows };
};

const warningsOf = async ({ state, clock, config }: Context): Promise<RunSummary["warnings"]> => {
  const today = dayIn(clock.now(), config.controller.timeZone).toString();
  const { rows } = await sql<RunSummary["warnings"]>`select count(*) filter (where what = 'due-soon') as "dueSoon",
      min(due) filter (where what = 'due-soon') as next, count(*) filter (where what = 'not-confirmed') as "notConfirmed"
    from (${warnings(today, config.warnDays)}) as warning`.execute(state.db);
  return rows[0] ?? { dueSoon: 0, next: null, notConfirmed: 0 };
};

/** What became of the persons. Of its own run, Lethe's tables say the same as the ledger, from which the report reads it. */
const effectsOf = async (
  { state: { db } }: Context,
  run: Run,
): Promise<Pick<RunSummary, "outcomes" | "stays" | "figures" | "tasks">> => {
  const counted = await sql<{ outcome: Outcome; requests: number }>`
    select outcome, count(distinct request_id) as requests from lethe.outcome where run_id = ${run.id} group by 1
    union all select state, count(*) from lethe.request where state in ('scheduled', 'blocked', 'failed') group by 1`.execute(
    db,
  );
  const requests = new Map(counted.rows.map((row) => [row.outcome, row.requests]));
  const stays = await sql<RunSummary["stays"]>`
    select count(distinct (store, table_name, column_name)) as columns, count(distinct (store, table_name)) as tables
    from lethe.stay join lethe.outcome using (request_id, store) where outcome.run_id = ${run.id}`.execute(db);
  const figures = await readFigures(snapshotOn(db), { ids: [run.id] });
  const tasks = await readTasks(snapshotOn(db));
  const sum = (key: TaskState): number => tasks.reduce((total, task) => total + task[key], 0);
  return {
    outcomes: Object.fromEntries(outcomes.map((outcome) => [outcome, requests.get(outcome) ?? 0])) as Record<
      Outcome,
      number
    >,
    stays: stays.rows[0] ?? { columns: 0, tables: 0 },
    figures: figures.map(({ meanwhile: _, ...figure }) => figure),
    tasks: { open: sum("open"), done: sum("done"), failed: sum("failed") },
  };
};
