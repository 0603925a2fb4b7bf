import type { BatchProgress, Moving } from "#clickhouse/progress.ts";
import { own, ownName, type ColumnBatch } from "#clickhouse/scope.ts";
import { tableIn } from "#clickhouse/sql.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";

type Part = {
  readonly partition: string;
  readonly name: string;
  readonly hash: string;
  readonly level: number;
  readonly last: number;
};

/** A server's clock and the time that it has been up are each told in whole seconds. */
const sameStart = 3;

/**
 * Moves the rows as they will be into their table, partition by partition: a running server moves all of one or nothing. What the partition held
 * before is noted first, so that after a server died in between it can be told whether its rows are there already.
 */
export const moveStaged = async (
  batch: ColumnBatch,
  progress: BatchProgress,
  place: number,
  table: string,
): Promise<void> => {
  const { client } = batch.store;
  const started = await startOf(batch);
  const staged = Map.groupBy(await partsOf(batch, ownName(batch.id, "staged", place)), ({ partition }) => partition);
  for (const [partition, parts] of staged) {
    const there = (await partsOf(batch, table)).filter((part) => part.partition === partition);
    const moving = progress.of(place).moving?.[partition];
    const moved = moving !== undefined && wasMoved(batch, table, { moving, parts, there, started });
    if (moving === undefined) {
      const noted: Moving = { parts: there.map(({ name }) => name), started };
      await progress.note(place, { moving: { ...progress.of(place).moving, [partition]: noted } });
      faultPoint("before-partition-moved");
    }
    const into = tableIn(client.database, table);
    const what = moved
      ? "drop partition id {partition:String}"
      : `move partition id {partition:String} to table ${into}`;
    await client.run(`alter table ${own(batch, "staged", place)} ${what}`, { partition });
    faultPoint("after-partition-moved");
  }
};

type Evidence = {
  readonly moving: Moving;
  readonly parts: readonly Part[];
  readonly there: readonly Part[];
  readonly started: number;
};

/**
 * Whether a partition that is still there to be moved was moved by a server that died before it could forget it here. Its parts would be among
 * those that have come since, the same to the byte; parts that were merged since and reach behind what was there hide that.
 */
const wasMoved = ({ store }: ColumnBatch, table: string, { moving, parts, there, started }: Evidence): boolean => {
  if (Math.abs(started - moving.started) <= sameStart) return false;
  const before = new Set(moving.parts);
  const last = Math.max(
    0,
    ...moving.parts.map((name) => Number(name.split("_").at(-2) ?? 0)),
    ...blocksOf(moving.parts),
  );
  const come = there.filter(({ name }) => !before.has(name));
  const hashes = come.map(({ hash }) => hash);
  const found = parts.filter(({ hash }) => hashes.includes(hash));
  if (found.length === parts.length) return true;
  const hiding = come.some(
    (part) => part.level > 0 && part.last > last && !parts.some(({ hash }) => hash === part.hash),
  );
  if (found.length === 0 && !hiding) return false;
  throw new LetheError(
    "COLUMNS_UNDECIDED",
    `store ${store.name}: whether rows of ${table} were put back before the server died cannot be told`,
    {
      hint: "compare the table with the `_staged_` table beside it: where its rows are there already truncate that one, else leave it; then remove `moving` from lethe.column_batch, and run again",
    },
  );
};

/** The last block of each part by its name: `partition_first_last_level`, and after a mutation its number behind that. */
const blocksOf = (names: readonly string[]): readonly number[] =>
  names.map((name) => Number(/_(\d+)_\d+(?:_\d+)?$/.exec(name)?.[1] ?? 0));

const partsOf = ({ store: { client } }: ColumnBatch, table: string): Promise<readonly Part[]> =>
  client.rows<Part>(
    `select partition_id as partition, name, hash_of_all_files as hash, toUInt32(level) as level, max_block_number as last
    from system.parts where database = {database:String} and table = {table:String} and active order by partition, name`,
    { database: client.database, table },
  );

const startOf = async ({ store: { client } }: ColumnBatch): Promise<number> => {
  const [row] = await client.rows<{ started: number }>("select toUnixTimestamp(now()) - uptime() as started");
  return row?.started ?? 0;
};
