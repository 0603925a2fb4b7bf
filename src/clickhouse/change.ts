import { setTimeout as sleep } from "node:timers/promises";
import { own, ofBatch, ownName, prefixOf, rowHash, type ColumnBatch } from "#clickhouse/scope.ts";
import { stepsOf } from "#clickhouse/steps.ts";
import { tableIn } from "#clickhouse/sql.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";

/**
 * Carries out what was prepared, from wherever a run that died has left it: every statement finds out for itself what is still to be done.
 * Rows that somebody has written about a person since are not among those that were copied: they stay, and verification finds them.
 */
export const changeStore = async (batch: ColumnBatch): Promise<void> => {
  for (const { step, place } of stepsOf(batch)) {
    if (step.kind !== "erase" && step.kind !== "anonymise") continue;
    const copied = own(batch, "rows", place);
    const condition =
      step.kind === "erase"
        ? ofBatch(batch, step.table)
        : `${ofBatch(batch, step.table)} and ${rowHash(batch, step.table)} in (select hash from ${copied})`;
    await removeRows(batch, step.table, condition);
    faultPoint("after-columns-removed");
    if (step.kind === "anonymise") await moveStaged(batch, step.table, place);
    faultPoint("after-columns-moved");
  }
};

/** A mutation rewrites every part that holds such a row; a lightweight DELETE would only hide the rows until parts are merged some day. */
const removeRows = async (batch: ColumnBatch, table: string, condition: string): Promise<void> => {
  const { client } = batch.store;
  const relation = tableIn(client.database, table);
  const count = async (): Promise<number> => {
    const [row] = await client.rows<{ rows: number }>(`select count() as rows from ${relation} where ${condition}`);
    return row?.rows ?? 0;
  };
  await mutated(batch, table);
  if ((await count()) === 0) return;
  await client.run(`alter table ${relation} delete where ${condition} settings mutations_sync = 0`);
  faultPoint("after-mutation-begun");
  await mutated(batch, table);
  if ((await count()) === 0) return;
  throw new LetheError("RULE_UNDONE", `store ${batch.store.name}: rows of ${table} are there after they were deleted`, {
    hint: "look into system.mutations for who stopped it; the next run goes on",
  });
};

type Mutation = { readonly mutation_id: string; readonly failed: string };

/** Waits until no mutation of the batch is under way. One that fails is called off, since ClickHouse would try it again for ever. */
const mutated = async ({ id: batch, store }: ColumnBatch, table: string): Promise<void> => {
  const { client, name } = store;
  for (let pause = 20; ; pause = Math.min(pause * 2, 2_000)) {
    const [mutation] = await client.rows<Mutation>(
      `select mutation_id, latest_fail_error_code_name as failed from system.mutations
      where database = {database:String} and table = {table:String} and not is_done and not is_killed and position(command, {prefix:String}) > 0 limit 1`,
      { database: client.database, table, prefix: prefixOf(batch) },
    );
    if (mutation === undefined) return;
    if (mutation.failed !== "") {
      await client.run(
        "kill mutation where database = {database:String} and table = {table:String} and mutation_id = {mutation:String} sync",
        { database: client.database, table, mutation: mutation.mutation_id },
      );
      throw new LetheError(
        "DATABASE_FAILED",
        `store ${name}: ClickHouse could not rewrite ${table} (${mutation.failed})`,
        {
          hint: "look up the name of the error in ClickHouse's own log; the next run goes on where this one stopped",
        },
      );
    }
    await sleep(pause);
  }
};

/**
 * Partition by partition, each of which is in one of the two tables whenever a run dies; or in both, where the server itself died in between:
 * then its parts are the same files, and the copy goes.
 */
const moveStaged = async (batch: ColumnBatch, table: string, place: number): Promise<void> => {
  const { client } = batch.store;
  const { database } = client;
  const staged = ownName(batch.id, "staged", place);
  const parts = await client.rows<{ partition: string; moved: number }>(
    `select partition_id as partition, min(hash_of_all_files in (select hash_of_all_files from system.parts
        where database = {database:String} and table = {table:String} and active)) as moved
    from system.parts where database = {database:String} and table = {staged:String} and active group by partition_id`,
    { database, table, staged },
  );
  for (const { partition, moved } of parts) {
    const what =
      moved === 1
        ? "drop partition id {partition:String}"
        : `move partition id {partition:String} to table ${tableIn(database, table)}`;
    await client.run(`alter table ${tableIn(database, staged)} ${what}`, { partition });
    faultPoint("after-partition-moved");
  }
};

/**
 * Waits until the parts that held the rows as they were are gone from disk: ClickHouse keeps them for a while after it has replaced them
 * (`old_parts_lifetime`). Those that others' work leaves behind meanwhile are not waited for.
 */
export const waitForParts = async ({
  store,
  tables,
}: {
  readonly store: ColumnBatch["store"];
  readonly tables: readonly string[];
}): Promise<void> => {
  const { client, config, name } = store;
  const { database } = client;
  const replaced = await client.rows<{ part: string }>(
    "select concat(table, '/', name) as part from system.parts where database = {database:String} and table in {tables:Array(String)} and not active",
    { database, tables },
  );
  const [detached] = await client.rows<{ table: string }>(
    "select table from system.detached_parts where database = {database:String} and table in {tables:Array(String)} limit 1",
    { database, tables },
  );
  if (detached !== undefined) {
    throw new LetheError(
      "PARTS_REMAIN",
      `store ${name}: table ${detached.table} has detached parts, which nothing searches`,
      {
        hint: "attach or drop what system.detached_parts lists: they may hold people's rows as they were",
      },
    );
  }
  // Left alone ClickHouse looks for parts to remove every ten minutes or so; dropping a partition that no table can have makes it look at once.
  const look = async (): Promise<void> => {
    for (const table of tables) await client.run(`alter table ${tableIn(database, table)} drop partition id 'none'`);
  };
  const patience = AbortSignal.timeout(config.partsTimeoutMs);
  for (let pause = 50; replaced.length > 0; pause = Math.min(pause * 2, 5_000)) {
    await look();
    const [left] = await client.rows<{ parts: number }>(
      "select count() as parts from system.parts where database = {database:String} and not active and concat(table, '/', name) in {replaced:Array(String)}",
      { database, replaced: replaced.map(({ part }) => part) },
    );
    if (left?.parts === 0) return;
    if (patience.aborted) {
      throw new LetheError("PARTS_REMAIN", `store ${name}: parts with rows as they were are still on disk`, {
        hint: "ClickHouse removes them after `old_parts_lifetime`, unless a long query reads them; the next run looks again",
      });
    }
    await sleep(pause);
  }
};
