import { sql } from "kysely";
import type { Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import { unjournal } from "#execute/journal.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { forgetSubjects } from "#intake/forget.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Shape } from "#records/plan.ts";
import type { Run } from "#records/run.ts";
import { bearsMark, column, tableName } from "#scope/sql.ts";

type Marked = { readonly request: number; readonly ref: string; readonly key: string; readonly archived: boolean };
type Active = Pick<Marked, "request" | "ref">;

/**
 * Finds subjects who were marked as deleted and have been activated again since: their requests are open once more and wait for an
 * approval. One statement for all of them. An archived subject whose row is no longer there can never be active again: it is forgotten.
 */
export const reopenReactivated = async (ctx: Context, run: Run, session: StoreSession, shape: Shape): Promise<void> => {
  await reopenActive(ctx, run, session, shape);
  faultPoint("after-reactivated-reopened");
  await unjournalReopened(ctx, session);
};

const reopenActive = async (ctx: Context, run: Run, session: StoreSession, shape: Shape): Promise<void> => {
  const { mode, mark } = shape.deletion;
  if (mode !== "soft" && mode !== "soft-then-hard") return;
  const { active, gone } = await inTransaction(session, "read-write", async () => {
    await sql`create temporary table lethe_marked (request bigint, ref text, key text, archived boolean)
      on commit drop`.execute(session.db);
    const marked = markedIn(ctx, session.store.name);
    await copyInto(session.client, "pg_temp.lethe_marked (request, ref, key, archived)", marked);
    const { root } = shape;
    const key = column("t", root.key);
    const found = await sql<Active & { gone: boolean }>`
      select m.request, m.ref, ${key} is null as gone from pg_temp.lethe_marked m
      left join ${tableName(root.table)} t on ${key} = m.key::${sql.raw(root.keyType)}
      where case when ${key} is null then m.archived else not (${bearsMark(mark, "t")}) end`.execute(session.db);
    const [there, missing] = [found.rows.filter((row) => !row.gone), found.rows.filter((row) => row.gone)];
    return { active: there, gone: missing.map(({ request }) => request) };
  });
  faultPoint("after-reactivated-found");
  await forgetGone(ctx, session.store.name, gone);
  await reopen(ctx, run, session.store.name, active);
};

/**
 * What the store did of requests that have been reopened since begins anew, or it would take what it did then for what it is to do. Each
 * store forgets when it is asked, and before it looks anybody up again: a store that is down keeps no request closed.
 */
const unjournalReopened = async (ctx: Context, session: StoreSession): Promise<void> => {
  const { name } = session.store;
  const reopened = await sql<{ id: number; ref: string }>`select r.id, r.ref from lethe.reopened o
    join lethe.request r on r.id = o.request_id where o.store = ${name}`.execute(ctx.state.db);
  if (reopened.rows.length === 0) return;
  const refs = reopened.rows.map(({ ref }) => ref);
  await inTransaction(session, "read-write", () => unjournal(session, refs));
  faultPoint("after-reopened-unjournalled");
  await sql`delete from lethe.reopened where store = ${name}
    and request_id = any (${reopened.rows.map(({ id }) => id)}::bigint[])`.execute(ctx.state.db);
};

/**
 * What may have become of a request whose subject is marked, as long as nothing of it is gone for good. Once one store has erased, the
 * others go on: half a person is what neither the person nor the approval asked for.
 */
const reopenable = sql`(r.state = 'archived' or (r.state in ('scheduled', 'approved', 'blocked', 'erasing', 'failed') and r.scheduled_for is not null
    and not exists (select from lethe.subject d left join lethe.batch b on b.id = d.batch_id
      where d.request_id = r.id and (d.state = 'executed' or b.state = 'frozen'))))`;

/** Subjects of requests that ended with a mark, or wait with one: also such as were blocked or released from a hold meanwhile. */
async function* markedIn(ctx: Context, store: string): AsyncGenerator<CopyValue[]> {
  const query = sql<Marked>`select r.id as request, r.ref, s.key, r.state = 'archived' as archived from lethe.subject s
    join lethe.request r on r.id = s.request_id
    where s.store = ${store} and s.key is not null and ${reopenable} and (r.state = 'archived'
      or exists (select from lethe.grace g where g.request_id = r.id and g.store = s.store and g.marked))`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) {
    for (const { request, ref, key, archived } of rows) yield [request, ref, key, archived];
  }
}

/** I8: what is known of an archived subject goes with the subject's row, and who was asked for with the last row in any store. */
const forgetGone = async (ctx: Context, store: string, requests: readonly number[]): Promise<void> => {
  if (requests.length === 0) return;
  await ctx.state.db.transaction().execute(async (tx) => {
    const archived = sql`(select id from lethe.request where state = 'archived' and id = any (${requests}::bigint[]) for update)`;
    const gone = sql`store = ${store} and request_id in ${archived}`;
    await sql`delete from lethe.subject_identifier where ${gone}`.execute(tx);
    await sql`delete from lethe.identity where ${gone}`.execute(tx);
    await sql`update lethe.subject set key = null where ${gone}`.execute(tx);
    const nowhere = await sql<{ id: number }>`select id from lethe.request r where id in ${archived}
      and not exists (select from lethe.subject s where s.request_id = r.id and s.key is not null)`.execute(tx);
    await forgetSubjects(
      tx,
      nowhere.rows.map(({ id }) => id),
    );
  });
  await removeDeadRows(ctx);
};

const reopen = async (ctx: Context, run: Run, store: string, active: readonly Active[]): Promise<void> => {
  if (active.length === 0) return;
  const at = ctx.clock.now();
  const detail = { store, hint: "somebody has activated the account again: ask the person, then approve or refuse" };
  await ctx.state.db.transaction().execute(async (tx) => {
    // Somebody may have withdrawn or refused one meanwhile.
    const reopened = await sql<{ id: number; ref: string }>`
      update lethe.request r set state = 'verified', code = 'REACTIVATED', code_since = ${at.toString()},
        detail = ${JSON.stringify(detail)}::jsonb, scheduled_for = null, changed_at = ${at.toString()}, run_id = ${run.id}
      where r.id = any (${active.map(({ request }) => request)}::bigint[]) and ${reopenable} returning r.id, r.ref`.execute(
      tx,
    );
    const ids = reopened.rows.map(({ id }) => id);
    // What was recorded of the first time is in the ledger; the next time is recorded anew.
    for (const table of [
      "disposition",
      "remedy",
      "stay",
      "outcome",
      "grace",
      "subject_identifier",
      "identity",
      "subject",
    ]) {
      await sql`delete from ${sql.id("lethe", table)} where request_id = any (${ids}::bigint[])`.execute(tx);
    }
    const stores = ctx.stores.map(({ name }) => name);
    await sql`insert into lethe.reopened (request_id, store) select request, store from unnest(${ids}::bigint[]) request
      cross join unnest(${stores}::text[]) store on conflict do nothing`.execute(tx);
    // Who is there again must not be deleted elsewhere.
    await sql`delete from lethe.task where state = 'open' and request_id = any (${ids}::bigint[])`.execute(tx);
    const events = reopened.rows.map(({ ref }): LedgerEvent => ({
      kind: "request.reopened",
      request: ref,
      store,
      code: "REACTIVATED",
    }));
    await appendEntries(tx, events, { at, run: run.id });
  });
  await removeDeadRows(ctx);
};
