import { sql } from "kysely";
import { changeStore } from "#clickhouse/change.ts";
import type { Prepared } from "#clickhouse/prepare.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { dropBatches } from "#clickhouse/scope.ts";
import type { ColumnStore, Context } from "#context.ts";
import { recordBatch } from "#execute/collect.ts";
import { faultPoint } from "#lib/fault.ts";
import type { Plan, Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";

/** What is kept of a batch from before it changes anything until it is recorded: counts by request, no one's data. */
export type Saved = Pick<Prepared, "steps" | "totals" | "stays">;

type Frozen = {
  readonly id: string;
  readonly prepared: Saved;
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
    await sql<Frozen>`select b.id, c.prepared, b.plan_hash, p.body::jsonb -> 'plan' as plan, p.body::jsonb -> 'shape' as shape
    from lethe.batch b join lethe.column_batch c on c.id = b.id join lethe.plan p on p.hash = b.plan_hash
    where b.store = ${store.name} and b.state = 'frozen' order by b.id`.execute(ctx.state.db);
  const catalog = rows.length === 0 ? undefined : await readColumnCatalog(store);
  for (const { id, prepared, plan, plan_hash: hash, shape } of rows) {
    if (catalog === undefined) continue;
    await changeStore({ id, store, catalog, shape });
    await recordBatch(ctx, run, store, id, {
      ...prepared,
      plan: hash,
      stage: shape.stage,
      requests: plan.requests.length,
      refs: plan.requests,
      committed_at: ctx.clock.now().toString(),
      spared: [],
      remedies: [],
      figures: [],
      tasks: [],
    });
    faultPoint("after-columns-recorded");
  }
  await dropBatches(store);
  await sql`delete from lethe.column_batch c where not exists (select from lethe.batch b where b.id = c.id and b.state = 'frozen')
    or exists (select from lethe.batch b where b.id = c.id and b.store = ${store.name} and b.state <> 'frozen')`.execute(
    ctx.state.db,
  );
};
