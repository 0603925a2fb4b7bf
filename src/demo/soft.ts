import { sql, type Kysely } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, kyselyOver, withClient } from "#db/pool.ts";
import { sqlFailureOf } from "#db/database-error.ts";

/** What the database itself does about a customer who is only marked as deleted, tried for real. */
export type SoftDeletion = {
  /** What PostgreSQL answered to a new order for a marked customer; null when it took it. */
  readonly refused: string | null;
  /** The same for a customer of whom nobody wrote. */
  readonly refusedOthers: string | null;
  readonly marked: number;
  /** Marked customers in the view that shows who is there: before the night, and now. */
  readonly wereVisible: number;
  readonly visible: number;
};

/** Whom the company's own view of its customers shows. */
export const visibleCustomers = async ({ pool }: Store): Promise<ReadonlySet<number>> => {
  const found = await sql<{ id: number }>`select id from active_customers`.execute(kyselyOver(pool));
  return new Set(found.rows.map(({ id }) => id));
};

/** Tries new orders, looks for the marked in the view, and activates one of them again. */
export const trySoftDeletion = async (
  { state }: Context,
  store: Store,
  before: ReadonlySet<number>,
): Promise<SoftDeletion> => {
  const found = await sql<{ key: string }>`select s.key from lethe.subject s join lethe.request r on r.id = s.request_id
    where r.state = 'archived' and s.key is not null order by r.id desc`.execute(state.db);
  const marked = found.rows.map(({ key }) => Number(key));
  const now = await visibleCustomers(store);
  const countIn = (shown: ReadonlySet<number>): number => marked.filter((key) => shown.has(key)).length;
  const looked = { marked: marked.length, wereVisible: countIn(before), visible: countIn(now) };
  // The latest request: if it waits once more, its month is not over.
  const [last] = marked;
  const [other] = now;
  if (last === undefined || other === undefined) return { refused: null, refusedOthers: null, ...looked };
  return withClient(store.pool, async (client) => {
    const db = kyselyOn(client);
    const refused = await tryOrder(db, last);
    const refusedOthers = await tryOrder(db, other);
    await sql`update customers set status = 'active' where id = ${last}`.execute(db);
    return { refused, refusedOthers, ...looked };
  });
};

/** What PostgreSQL answers to an order; null when it takes it. The order is not kept. */
const tryOrder = async (db: Kysely<unknown>, customer: number): Promise<string | null> => {
  await sql`begin`.execute(db);
  const answer = await sql`insert into orders (customer_id, status, placed_on, total, currency)
    values (${customer}, 'pending', current_date, 1, 'EUR')`
    .execute(db)
    .then(
      () => null,
      (error: unknown) => {
        if (sqlFailureOf(error) === undefined || !(error instanceof Error)) throw error;
        return error.message;
      },
    );
  await sql`rollback`.execute(db);
  return answer;
};
