import { sql, type Kysely, type RawBuilder } from "kysely";
import type { StateDb } from "#db/state-schema.ts";

const rowsPerFetch = 2_000;

/** What the readers of a report share: one read-only transaction, and names for the cursors in it. */
export type Snapshot = { readonly db: Kysely<StateDb>; readonly nextCursor: () => string };

export const snapshotOn = (db: Kysely<StateDb>): Snapshot => {
  let cursors = 0;
  return { db, nextCursor: () => `report_${++cursors}` };
};

/**
 * The rows of a query through a server-side cursor of the snapshot's transaction: any order, flat memory, and no
 * query per row. `perFetch` are held at a time: few where rows are long. Breaking off early closes the cursor.
 */
export async function* stream<Row>(
  { db, nextCursor }: Snapshot,
  query: RawBuilder<Row>,
  perFetch = rowsPerFetch,
): AsyncGenerator<Row> {
  const cursor = sql.id(nextCursor());
  await sql`declare ${cursor} no scroll cursor for ${query}`.execute(db);
  let finished = false;
  try {
    for (;;) {
      const { rows } = await sql<Row>`fetch ${sql.lit(perFetch)} from ${cursor}`.execute(db);
      yield* rows;
      if (rows.length < perFetch) break;
    }
    finished = true;
  } finally {
    // After an error the transaction is void, and its cursors with it.
    const close = sql`close ${cursor}`.execute(db);
    await (finished ? close : close.catch(() => undefined));
  }
}

/** Every row of a query whose result is known to be small. */
export const all = async <Row>({ db }: Snapshot, query: RawBuilder<Row>): Promise<Row[]> =>
  (await query.execute(db)).rows;
