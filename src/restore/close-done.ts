import { sql } from "kysely";
import type { Context } from "#context.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";
import type { OpenRestore } from "#restore/standing.ts";

/**
 * Who is uncertain and whose row another request has had erased since: nobody has to look any more. They go the way of every request whose
 * person another one has had erased.
 */
export const closeDone = async (ctx: Context, run: Run, { id, store }: OpenRestore): Promise<void> => {
  const at = ctx.clock.now();
  await ctx.state.db.transaction().execute(async (tx) => {
    const done = await sql<{
      ref: string;
    }>`update lethe.request r set state = 'approved', code = null, code_since = null,
        detail = null, changed_at = ${at.toString()}, run_id = ${run.id}
      where r.restore_id = ${id} and r.state = 'verified'
        and exists (select from lethe.identity i where i.request_id = r.id and i.store = ${store} and i.done_by is not null)
      returning r.ref`.execute(tx);
    const events = done.rows.map(({ ref }): LedgerEvent => ({ kind: "request.unblocked", request: ref }));
    await appendEntries(tx, events, { at, run: run.id });
  });
};
