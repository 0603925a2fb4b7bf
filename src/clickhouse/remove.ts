import { waitUntil } from "#clickhouse/patience.ts";
import { countOf } from "#clickhouse/taken.ts";
import type { ColumnBatch } from "#clickhouse/scope.ts";
import { ownPrefix, tableIn } from "#clickhouse/sql.ts";
import type { Context } from "#context.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";

/** How often rows are removed that somebody goes on writing meanwhile. */
const mostTimes = 5;

/** A mutation rewrites every part that holds such a row; a lightweight DELETE would only hide the rows until parts are merged some day. */
export const removeRows = async (ctx: Context, batch: ColumnBatch, table: string, condition: string): Promise<void> => {
  const { client, name } = batch.store;
  const relation = tableIn(client.database, table);
  await mutated(ctx, batch, table);
  for (let times = 0; (await countOf(batch, `${relation} where ${condition}`)) > 0; times += 1) {
    if (times === mostTimes) {
      throw new LetheError("RULE_UNDONE", `store ${name}: rows of ${table} are there after they were deleted`, {
        hint: "find out who writes them, or look into system.mutations for who stopped it; the next run goes on",
      });
    }
    await client.run(`alter table ${relation} delete where ${condition} settings mutations_sync = 0`);
    faultPoint("after-mutation-begun");
    await mutated(ctx, batch, table);
  }
};

type Mutation = { readonly mutation_id: string; readonly failed: number };

/** Waits until no mutation of the batch is under way. One that fails is called off, since ClickHouse would try it again for ever. */
const mutated = async (ctx: Context, { id: batch, store }: ColumnBatch, table: string): Promise<void> => {
  const { client, name } = store;
  const { database } = client;
  const ready = async (): Promise<boolean> => {
    const [mutation] = await client.rows<Mutation>(
      `select mutation_id, latest_fail_reason <> '' as failed from system.mutations
      where database = {database:String} and table = {table:String} and not is_done and position(command, {prefix:String}) > 0 limit 1`,
      { database, table, prefix: ownPrefix(batch) },
    );
    if (mutation === undefined) return true;
    if (mutation.failed === 0) return false;
    await client.run(
      "kill mutation where database = {database:String} and table = {table:String} and mutation_id = {mutation:String} sync",
      { database, table, mutation: mutation.mutation_id },
    );
    throw new LetheError("DATABASE_FAILED", `store ${name}: ClickHouse could not rewrite ${table}`, {
      hint: "see latest_fail_reason in system.mutations, or ClickHouse's own log; the next run goes on where this one stopped",
    });
  };
  await waitUntil(
    ctx,
    store,
    ready,
    () =>
      new LetheError("DATABASE_FAILED", `store ${name}: ClickHouse has not ended rewriting ${table}`, {
        hint: "see system.mutations, and whether merges are stopped; the next run goes on where this one stopped",
      }),
  );
};
