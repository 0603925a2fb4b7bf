import { sql, type Kysely } from "kysely";
import { everyStore, type Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import type { StateDb } from "#db/state-schema.ts";
import { unjournal } from "#execute/journal.ts";
import { readMarked, type Active, type Found, type Marked } from "#execute/marks.ts";
import { inTransaction, type StoreSession } from "#execute/store-session.ts";
import { appendEntries } from "#ledger/append.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { ReopeningCode } from "#records/request.ts";
import type { Run } from "#records/run.ts";
import { forgetRecord } from "#db/forget-subjects.ts";
import { forgetArchived } from "#db/forget-archived.ts";
import { unsuppress } from "#verify/suppress.ts";

/**
 * Finds subjects who were marked as deleted and have been activated again since, or of whom that cannot be told any more: their requests are
 * open once more and wait for an approval. An archived subject whose row is no longer there can never be active again: it is forgotten.
 */
export const reopenReactivated = async (ctx: Context, run: Run, session: StoreSession): Promise<void> => {
  const store = session.store.name;
  const { active, gone } = await inTransaction(session, "read-write", () => readMarked(session, allMarked(ctx, store)));
  faultPoint("after-reactivated-found");
  await forgetGone(ctx, store, gone);
  await reopen(ctx, run, store, active);
  faultPoint("after-reactivated-reopened");
  await unjournalReopened(ctx, session);
};

/**
 * Which of the requests in a batch are of subjects who have been activated since they were looked up, in the snapshot of the caller's
 * transaction: what else it reads and changes is of the same moment. What another batch of the night did to the same person's row, whose record
 * is still being made, is no activation.
 */
export const activeInBatch = async (
  ctx: Context,
  session: StoreSession,
  requests: readonly number[],
): Promise<readonly Active[]> => {
  const among = sql`r.id = any (${[...requests]}::bigint[]) and not exists (select from lethe.subject o join lethe.batch b on b.id = o.batch_id
    where b.state = 'frozen' and o.store = g.store and o.key = g.key and o.request_id <> g.request_id)`;
  const { rows } = await sql<Marked>`${waiting(session.store.name)} and ${among}`.execute(ctx.state.db);
  return rows.length === 0 ? [] : (await readMarked(session, rows)).active;
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

/** Subjects of requests that wait with a mark: also such as were blocked or released from a hold meanwhile. */
const waiting = (
  store: string,
) => sql<Marked>`select r.id as request, r.ref, g.key, g.mark, true as waits from lethe.grace g
  join lethe.request r on r.id = g.request_id where g.store = ${store} and g.mark is not null and not g.lost and ${reopenable}`;

/** The same, and subjects of requests that ended with a mark; but for those whom a restore has brought back, until they are marked again. */
async function* allMarked(ctx: Context, store: string): AsyncGenerator<Marked> {
  const query = sql<Marked>`${waiting(store)} union all
    select r.id, r.ref, s.key, s.mark, false from lethe.subject s join lethe.request r on r.id = s.request_id
    where s.store = ${store} and s.key is not null and s.mark is not null and r.state = 'archived'
      and not exists (select from lethe.identity i join lethe.request q on q.id = i.request_id
        where q.restore_id is not null and i.store = s.store and i.key = s.key)`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}

/** The rows of these subjects are no longer there, and cannot come back. */
const forgetGone = async (ctx: Context, store: string, gone: readonly Found[]): Promise<void> => {
  if (gone.length === 0) return;
  const requests = gone.map(({ request }) => request);
  const forgotten = await ctx.state.db.transaction().execute(async (tx) => {
    // Whoever only waits is looked for, and somebody is told.
    const archived = await sql<{ id: number }>`select id from lethe.request
      where state = 'archived' and id = any (${requests}::bigint[]) order by id for update`.execute(tx);
    const ids = archived.rows.map(({ id }) => id);
    await sql`delete from lethe.subject where store = ${store} and request_id = any (${ids}::bigint[])`.execute(tx);
    await forgetArchived(tx, ids);
    return ids.length;
  });
  if (forgotten > 0) await removeDeadRows(ctx);
};

const hints: Readonly<Record<ReopeningCode, string>> = {
  REACTIVATED: "somebody has activated the account again: ask the person, then approve or refuse",
  MARK_UNREADABLE:
    "the columns that told whether somebody has activated the account again are gone: look at it, then approve or refuse",
};

/** Their requests wait for an approval by name; what was set in motion for them elsewhere is called off. */
export const reopen = async (ctx: Context, run: Run, store: string, active: readonly Active[]): Promise<void> => {
  if (active.length === 0) return;
  const at = ctx.clock.now();
  const found = active.map(({ request, code }) => ({ request, code, detail: { store, hint: hints[code] } }));
  await ctx.state.db.transaction().execute(async (tx) => {
    // Somebody may have withdrawn or refused one meanwhile.
    const reopened = await sql<{ id: number; ref: string; code: ReopeningCode }>`
      update lethe.request r set state = 'verified', code = x.code, code_since = ${at.toString()},
        detail = x.detail, scheduled_for = null, changed_at = ${at.toString()}, run_id = ${run.id}
      from jsonb_to_recordset(${JSON.stringify(found)}::jsonb) as x (request bigint, code text, detail jsonb)
      where r.id = x.request and ${reopenable} returning r.id, r.ref, x.code`.execute(tx);
    const ids = reopened.rows.map(({ id }) => id);
    await unsuppress(ctx, tx, ids);
    await keepWhom(tx, ids);
    // What was recorded of the first time is in the ledger; the next time is recorded anew.
    await forgetRecord(tx, ids);
    await sql`delete from lethe.grace where request_id = any (${ids}::bigint[])`.execute(tx);
    const stores = everyStore(ctx).map(({ name }) => name);
    await sql`insert into lethe.reopened (request_id, store) select request, store from unnest(${ids}::bigint[]) request
      cross join unnest(${stores}::text[]) store on conflict do nothing`.execute(tx);
    // Who is there again must not be deleted elsewhere.
    await sql`delete from lethe.task where state = 'open' and request_id = any (${ids}::bigint[])`.execute(tx);
    const events = reopened.rows.map(({ ref, code }): LedgerEvent => ({
      kind: "request.reopened",
      request: ref,
      store,
      code,
    }));
    await appendEntries(tx, events, { at, run: run.id });
  });
  await removeDeadRows(ctx);
};

/**
 * Whom a request means does not change with what becomes of it: by the time that it is approved, somebody else may have the address. Where it is not
 * known any more, the person is found by what the rows say of whom it is known, not by what was asked then.
 */
const keepWhom = async (tx: Kysely<StateDb>, requests: readonly number[]): Promise<void> => {
  const these = sql`any (${[...requests]}::bigint[])`;
  await sql`insert into lethe.identity (request_id, store, key)
    select request_id, store, key from lethe.grace where request_id = ${these}
    union select request_id, store, key from lethe.subject where key is not null and request_id = ${these}
    on conflict do nothing`.execute(tx);
  await sql`update lethe.request_identifier set settled = true where request_id = ${these}`.execute(tx);
};
