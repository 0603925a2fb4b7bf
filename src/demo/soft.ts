import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { sqlFailureOf } from "#db/database-error.ts";

/** What the database itself does about a customer who is only marked as deleted, tried for real. */
export type SoftDeletion = {
  /** What PostgreSQL answered to a new order; null when it took it. */
  readonly refused: string | null;
  readonly marked: number;
  /** Marked customers in the view that shows who is there. */
  readonly visible: number;
};

/** Tries a new order for a marked customer, looks for the marked in the view, and activates that customer again. */
export const trySoftDeletion = async ({ state }: Context, store: Store): Promise<SoftDeletion> => {
  const marked = await sql<{
    key: string;
  }>`select s.key from lethe.subject s join lethe.request r on r.id = s.request_id
    where r.state = 'archived' and s.key is not null order by r.id`.execute(state.db);
  const keys = marked.rows.map(({ key }) => Number(key));
  const [first] = keys;
  if (first === undefined) return { refused: null, marked: 0, visible: 0 };
  return withClient(store.pool, async (client) => {
    const db = kyselyOn(client);
    const seen = await sql<{ n: number }>`select count(*) as n from active_customers where id = any (${keys})`.execute(
      db,
    );
    const refused = await sql`insert into orders (customer_id, status, placed_on, total, currency)
      values (${first}, 'pending', current_date, 1, 'EUR')`
      .execute(db)
      .then(
        () => null,
        (error: unknown) => {
          if (sqlFailureOf(error) === undefined || !(error instanceof Error)) throw error;
          return error.message;
        },
      );
    await sql`update customers set status = 'active' where id = ${first}`.execute(db);
    return { refused, marked: keys.length, visible: seen.rows[0]?.n ?? 0 };
  });
};
