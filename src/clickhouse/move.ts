import type { BatchProgress, Moving } from "#clickhouse/progress.ts";
import { own, ownName, type ColumnBatch } from "#clickhouse/scope.ts";
import { tableIn } from "#clickhouse/sql.ts";
import { LetheError } from "#lib/errors.ts";
import { faultPoint } from "#lib/fault.ts";

type Part = {
  readonly partition: string;
  readonly name: string;
  readonly hash: string;
  /** Neither merged nor mutated since its rows came. */
  readonly original: number;
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
      const noted: Moving = {
        parts: there.map(({ name }) => name),
        last: Math.max(0, ...there.map(({ last }) => last)),
        hashes: parts.map(({ hash }) => hash),
        started,
      };
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
 * those that have come since, the same to the byte as they were or, merged since, are; what came and was merged or mutated there hides that.
 */
const wasMoved = ({ store }: ColumnBatch, table: string, { moving, parts, there, started }: Evidence): boolean => {
  if (Math.abs(started - moving.started) <= sameStart) return false;
  const before = new Set(moving.parts);
  const come = there.filter(({ name }) => !before.has(name));
  const came = new Set(come.map(({ hash }) => hash));
  const ways = [moving.hashes, parts.map(({ hash }) => hash)];
  if (ways.some((hashes) => hashes.every((hash) => came.has(hash)))) return true;
  const known = new Set(ways.flat());
  const some = come.some(({ hash }) => known.has(hash));
  const hiding = come.some(({ original, last }) => original === 0 && last > moving.last);
  if (!some && !hiding) return false;
  throw new LetheError(
    "COLUMNS_UNDECIDED",
    `store ${store.name}: whether rows of ${table} were put back before the server died cannot be told`,
    {
      hint: "compare the table with the `_staged_` table beside it: where its rows are there already truncate that one, else leave it; then remove `moving` from lethe.column_batch, and run again",
    },
  );
};

const partsOf = ({ store: { client } }: ColumnBatch, table: string): Promise<readonly Part[]> =>
  client.rows<Part>(
    `select partition_id as partition, name, hash_of_all_files as hash, level = 0 and data_version = min_block_number as original, max_block_number as last
    from system.parts where database = {database:String} and table = {table:String} and active order by partition, name`,
    { database: client.database, table },
  );

const startOf = async ({ store: { client } }: ColumnBatch): Promise<number> => {
  const [row] = await client.rows<{ started: number }>("select toUnixTimestamp(now()) - uptime() as started");
  return row?.started ?? 0;
};
