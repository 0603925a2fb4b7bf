import { sql } from "kysely";
import type { Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { unjournal } from "#execute/journal.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { and, column, tableName } from "#scope/sql.ts";

type Marked = { readonly request: number; readonly ref: string; readonly key: string };

/**
 * Finds subjects who were marked as deleted and have been activated again since: their requests are open once more and wait for an
 * approval. One statement for all of them. What the store's journal knew of them goes first, so that a death in between is found again.
 */
export const reopenReactivated = async (ctx: Context, run: Run, session: StoreSession, shape: Shape): Promise<void> => {
  const { mode, mark } = shape.deletion;
  if (mode !== "soft" && mode !== "soft-then-hard") return;
  const active = await inTransaction(session, "read-write", async () => {
    await sql`create temporary table lethe_marked (request bigint, ref text, key text) on commit drop`.execute(
      session.db,
    );
    await copyInto(session.client, "pg_temp.lethe_marked (request, ref, key)", markedIn(ctx, session.store.name));
    const holds = mark.map(({ name, type, transform }) =>
      transform.kind === "constant"
        ? sql`${column("t", name)} is not distinct from cast(${String(transform.value)}::text as ${sql.raw(type)})`
        : sql`${column("t", name)} is null`,
    );
    const { root } = shape;
    const found = await sql<Omit<Marked, "key">>`select m.request, m.ref from pg_temp.lethe_marked m
      join ${tableName(root.table)} t on ${column("t", root.key)} = m.key::${sql.raw(root.keyType)}
      where not (${and(holds)})`.execute(session.db);
    const refs = found.rows.map(({ ref }) => ref);
    if (refs.length > 0) await unjournal(session, refs);
    return found.rows;
  });
  faultPoint("after-reactivated-found");
  await reopen(ctx, run, session.store.name, active);
};

/** Subjects of requests that ended with a mark, or wait with one. */
async function* markedIn(ctx: Context, store: string): AsyncGenerator<CopyValue[]> {
  const query = sql<Marked>`select r.id as request, r.ref, s.key from lethe.subject s
    join lethe.request r on r.id = s.request_id
    where s.store = ${store} and s.key is not null and (r.state = 'archived' or (r.state = 'scheduled'
      and exists (select from lethe.batch b where b.id = s.batch_id and b.state = 'committed')))`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) {
    for (const { request, ref, key } of rows) yield [request, ref, key];
  }
}

const reopen = async (ctx: Context, run: Run, store: string, active: readonly Omit<Marked, "key">[]): Promise<void> => {
  if (active.length === 0) return;
  const at = ctx.clock.now();
  const ids = active.map(({ request }) => request);
  const detail = { store, hint: "somebody has activated the account again: ask the person, then approve or refuse" };
  await ctx.state.db.transaction().execute(async (tx) => {
    // What was recorded of the first time is in the ledger; the next time is recorded anew.
    for (const table of ["disposition", "remedy", "stay", "outcome", "subject_identifier", "subject"]) {
      await sql`delete from ${sql.id("lethe", table)} where request_id = any (${ids}::bigint[])`.execute(tx);
    }
    // Who is there again must not be deleted elsewhere.
    await sql`delete from lethe.task where state = 'open' and request_id = any (${ids}::bigint[])`.execute(tx);
    await sql`update lethe.request set state = 'verified', code = 'REACTIVATED', code_since = ${at.toString()},
        detail = ${JSON.stringify(detail)}::jsonb, scheduled_for = null, changed_at = ${at.toString()}, run_id = ${run.id}
      where id = any (${ids}::bigint[])`.execute(tx);
    const events = active.map(({ ref }): LedgerEvent => ({
      kind: "request.reopened",
      request: ref,
      store,
      code: "REACTIVATED",
    }));
    await appendEntries(tx, events, { at, run: run.id });
  });
};
