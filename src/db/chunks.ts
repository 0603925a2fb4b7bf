import type pg from "pg";
import type { CompiledQuery } from "kysely";
import { databaseError } from "#db/database-error.ts";
import type { Pool } from "#db/pool.ts";

/**
 * Rows of a query in chunks, through a server-side cursor: memory does not grow with the result. Must run inside a
 * transaction of `client`; one cursor at a time.
 */
export async function* inChunks<R>(
  client: pg.PoolClient,
  query: CompiledQuery<R>,
  size = 1_000,
): AsyncGenerator<readonly R[]> {
  // The planner expects a cursor to be read for a tenth; on tables that nobody has analysed yet it then picks nested loops.
  await client.query("set local cursor_tuple_fraction = 1");
  await client.query(`declare lethe_chunks no scroll cursor for ${query.sql}`, [...query.parameters]);
  for (;;) {
    const { rows } = await client.query(`fetch ${size} from lethe_chunks`);
    if (rows.length > 0) yield rows as R[];
    if (rows.length < size) break;
  }
  await client.query("close lethe_chunks");
}

/** The same on a connection of its own and in a snapshot of its own: for readers that write elsewhere while they read. */
export async function* streamRows<R>(pool: Pool, query: CompiledQuery<R>, size?: number): AsyncGenerator<readonly R[]> {
  const client = await pool.raw.connect().catch((error: unknown) => {
    throw databaseError(error, pool.label);
  });
  let finished = false;
  try {
    await client.query("begin isolation level repeatable read read only");
    yield* inChunks(client, query, size);
    await client.query("commit");
    finished = true;
  } catch (error) {
    throw databaseError(error, pool.label);
  } finally {
    // A reader that stops early leaves an open cursor: the connection is not fit for others.
    client.release(!finished);
  }
}
