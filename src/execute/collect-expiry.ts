import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import { kyselyOn, withClient } from "#db/pool.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";

type Row = {
  readonly id: string;
  readonly plan: string;
  readonly table_name: string;
  readonly treatment: string;
  readonly class: string | null;
  readonly basis: string;
  readonly through: string;
  readonly rows: number;
  readonly clock_first: string;
  readonly clock_last: string;
};

/**
 * Puts on record what the store's journal says has expired, and empties the journal. The same after a commit and after a crash; what is on
 * record already is not recorded again (I3).
 */
export const collectExpiry = async (ctx: Context, run: Run, { name, pool }: Store): Promise<void> => {
  const found = await withClient(pool, async (client) =>
    sql<Row>`select id::text, plan, table_name, treatment, class, basis, through, rows, clock_first, clock_last
      from lethe.journal_expiry order by committed_at, id`.execute(kyselyOn(client)),
  );
  if (found.rows.length === 0) return;
  const at = ctx.clock.now();
  await ctx.state.db.transaction().execute(async (tx) => {
    const recorded = await sql<{ id: string }>`insert into lethe.expiry
        (id, run_id, store, table_name, treatment, class, basis, through, rows, clock_first, clock_last)
      select id, ${run.id}, ${name}, table_name, treatment, class, basis, through, rows, clock_first, clock_last
      from jsonb_to_recordset(${JSON.stringify(found.rows)}::jsonb) as x (id uuid, table_name text, treatment text, class text, basis text,
        through date, rows bigint, clock_first date, clock_last date)
      on conflict do nothing returning id::text`.execute(tx);
    const fresh = new Set(recorded.rows.map(({ id }) => id));
    const events = found.rows
      .filter(({ id }) => fresh.has(id))
      .map(
        ({
          plan,
          table_name: table,
          treatment,
          class: cls,
          basis,
          through,
          rows,
          clock_first: first,
          clock_last: last,
        }): LedgerEvent => ({
          kind: "records.expired",
          plan,
          store: name,
          table,
          treatment,
          class: cls,
          basis,
          through,
          rows,
          first,
          last,
        }),
      );
    await appendEntries(tx, events, { at, run: run.id });
  });
  faultPoint("after-expiry-recorded");
  const ids = found.rows.map(({ id }) => id);
  await withClient(pool, (client) =>
    sql`delete from lethe.journal_expiry where id = any (${ids}::uuid[])`.execute(kyselyOn(client)),
  );
};
