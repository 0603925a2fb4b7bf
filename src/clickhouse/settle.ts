import { sql } from "kysely";
import { changeStore } from "#clickhouse/change.ts";
import { dropTables, refuseUnknown } from "#clickhouse/own-tables.ts";
import type { Prepared } from "#clickhouse/prepare.ts";
import { BatchProgress, type Progress } from "#clickhouse/progress.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { own, waysOf, type ColumnBatch } from "#clickhouse/scope.ts";
import { stepsOf } from "#clickhouse/steps.ts";
import type { ColumnStore, Context } from "#context.ts";
import { abandonBatch } from "#execute/batches.ts";
import { recordBatch } from "#execute/collect.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Plan, Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";

/** What is kept of a batch from before it changes anything until it is recorded: counts by request, no one's data. */
export type Saved = Pick<Prepared, "steps" | "totals" | "stays">;

type Frozen = {
  readonly id: string;
  readonly prepared: Saved;
  readonly progress: Progress | null;
  readonly plan: Plan;
  readonly plan_hash: string;
  readonly shape: Shape;
};

/**
 * Carries out batches of a store that were frozen, and records what was done. Nothing is undone in ClickHouse, so whatever was begun is finished,
 * by whichever run comes next; then what was prepared and never begun goes.
 */
export const settleBatches = async (ctx: Context, run: Run, store: ColumnStore): Promise<void> => {
  const { rows } =
    await sql<Frozen>`select b.id, c.prepared, c.progress, b.plan_hash, p.body::jsonb -> 'plan' as plan, p.body::jsonb -> 'shape' as shape
    from lethe.batch b join lethe.column_batch c on c.id = b.id join lethe.plan p on p.hash = b.plan_hash
    where c.store = ${store.name} and c.prepared is not null and b.state = 'frozen' order by b.id`.execute(
      ctx.state.db,
    );
  const catalog = rows.length === 0 ? undefined : await readColumnCatalog(store);
  for (const frozen of rows) {
    if (catalog === undefined) continue;
    await finish(ctx, run, { id: frozen.id, store, catalog, shape: frozen.shape }, frozen);
  }
  const left = await sql<{ id: string }>`select c.id from lethe.column_batch c where c.store = ${store.name}
    and not exists (select from lethe.batch b where b.id = c.id and b.state = 'frozen') order by c.id`.execute(
    ctx.state.db,
  );
  for (const { id } of left.rows) await dropTables(ctx, store, id);
  await refuseUnknown(ctx, store);
};

const finish = async (ctx: Context, run: Run, batch: ColumnBatch, frozen: Frozen): Promise<void> => {
  const progress = new BatchProgress(ctx, batch.id, frozen.progress ?? {});
  const lost = await lostTable(batch);
  if (lost !== undefined) {
    if (progress.begun) {
      throw new LetheError(
        "COLUMNS_UNDECIDED",
        `store ${batch.store.name}: ${lost} is gone, and with it what a half-done batch would put back`,
        {
          hint: "restore it from a backup of the server, or decide with the controller what the batch's rows were; the batch stays frozen until then",
        },
      );
    }
    await abandonBatch(ctx, batch.id);
    return;
  }
  await changeStore(ctx, batch, progress);
  const { prepared, plan, plan_hash: hash } = frozen;
  await recordBatch(ctx, run, batch.store, batch.id, {
    ...prepared,
    plan: hash,
    stage: batch.shape.stage,
    requests: plan.requests.length,
    refs: plan.requests,
    committed_at: ctx.clock.now().toString(),
    spared: [],
    remedies: [],
    figures: [],
    tasks: [],
  });
  faultPoint("after-columns-recorded");
};

/** A table of the batch that somebody has dropped; undefined: all are there. */
const lostTable = async (batch: ColumnBatch): Promise<string | undefined> => {
  const { client } = batch.store;
  const anonymised = stepsOf(batch).filter(({ step }) => step.kind === "anonymise");
  const wanted = [
    ...waysOf(batch.shape).map((_, place) => own(batch, "way", place)),
    ...anonymised.flatMap(({ place }) => [own(batch, "taken", place), own(batch, "staged", place)]),
  ];
  for (const table of wanted) {
    const [row] = await client.rows<{ result: number }>(`exists table ${table}`);
    if (row?.result !== 1) return table.replaceAll("`", "");
  }
  return undefined;
};
