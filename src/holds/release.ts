import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { closeHolds, releasedEvents } from "#db/close-holds.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import type { StateDb } from "#db/state-schema.ts";
import { theRequest, type Decided } from "#intake/decide.ts";
import { decider, requireDecision } from "#intake/decision.ts";
import { lockRequests, parseReference, type LockedRequest } from "#intake/reference.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { dayIn } from "#lib/clock.ts";
import { LetheError } from "#lib/errors.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { mayBecome } from "#records/request.ts";
import type { Run } from "#records/run.ts";

/** Who releases; null where a hold ends by itself, in which run. */
type Releasing = { readonly by: string } | { readonly by: null; readonly run: Run };

export type Released = { readonly holds: readonly string[]; readonly requests: readonly Decided[] };

/** Ends the legal hold on a request. */
export const releaseRequest = async (ctx: Context, reference: string, { by }: { by: string }): Promise<Decided> => {
  const decided = await inTransaction(ctx, async (db) => {
    const request = await theRequest(lockRequests(db, [parseReference(reference)]));
    requireDecision("release", request);
    await close(ctx, db, { requests: [request.id] }, { by });
    return await letGo(ctx, db, request, { by });
  });
  await removeDeadRows(ctx);
  return decided;
};

/** Ends one hold by its reference, or all of a matter: what waited for them goes on by itself. Throws `HOLD_UNKNOWN` where none is in force. */
export const releaseHolds = async (
  ctx: Context,
  which: { readonly hold: string } | { readonly matter: string },
  { by }: { readonly by: string },
): Promise<Released> => {
  const condition = "hold" in which ? sql`ref = ${which.hold.trim().toUpperCase()}` : sql`matter = ${which.matter}`;
  const released = await inTransaction(ctx, async (db) => {
    const open = await openHolds(db, condition);
    if (open.length > 0) return await release(ctx, db, open, { by });
    throw new LetheError("HOLD_UNKNOWN", "no such hold is in force", {
      hint: "see `lethe hold list`; references look like H-7K3M-2QXA-9DTB",
    });
  });
  await removeDeadRows(ctx);
  return released;
};

/** Ends the holds whose last day is over. */
export const endHolds = async (ctx: Context, run: Run): Promise<void> => {
  const today = dayIn(ctx.clock.now(), ctx.config.controller.timeZone).toString();
  const ended = await inTransaction(ctx, async (db) => {
    const open = await openHolds(db, sql`until_on < ${today}::date`);
    if (open.length > 0) await release(ctx, db, open, { by: null, run });
    return open.length > 0;
  });
  if (ended) await removeDeadRows(ctx);
};

type Open = { readonly id: number; readonly request: string | null };

/** In the order in which requests are locked everywhere: by number. */
const openHolds = async (db: Kysely<StateDb>, which: ReturnType<typeof sql>): Promise<readonly Open[]> => {
  const { rows } =
    await sql<Open>`select h.id, r.ref as request from lethe.hold h left join lethe.request r on r.id = h.request_id
    where h.released_at is null and h.id in (select id from lethe.hold where ${which}) order by r.id, h.id for update of h`.execute(
      db,
    );
  return rows;
};

const release = async (
  ctx: Context,
  db: Kysely<StateDb>,
  open: readonly Open[],
  releasing: Releasing,
): Promise<Released> => {
  const refs = open.flatMap(({ request }) => (request === null ? [] : [request]));
  const locked = refs.length === 0 ? [] : await lockRequests(db, refs);
  const holds = await close(ctx, db, { ids: open.map(({ id }) => id) }, releasing);
  const requests: Decided[] = [];
  for (const request of locked.filter(({ state }) => state === "held"))
    requests.push(await letGo(ctx, db, request, releasing));
  return { holds, requests };
};

const close = async (
  ctx: Context,
  db: Kysely<StateDb>,
  which: Parameters<typeof closeHolds>[1],
  releasing: Releasing,
): Promise<readonly string[]> => {
  const at = ctx.clock.now();
  const closed = await closeHolds(db, which, { by: releasing.by, at });
  await appendEntries(db, releasedEvents(closed, nameOf(ctx, releasing)), { at, run: runOf(releasing) });
  return closed.map(({ ref }) => ref);
};

/**
 * The request goes back to where it was, with the code it had there: who is active again still wants an approval by name. From `scheduled` or
 * `failed` it goes to `approved` for the next night.
 */
const letGo = async (
  ctx: Context,
  db: Kysely<StateDb>,
  request: LockedRequest,
  releasing: Releasing,
): Promise<Decided> => {
  const from = request.heldFrom ?? "received";
  const state = mayBecome("held", from) ? from : "approved";
  const now = ctx.clock.now();
  const back = sql`case when ${state === from} then held_with end`;
  await sql`update lethe.request set state = ${state}, held_from = null, held_with = null, code = ${back} ->> 'code',
      code_since = (${back} ->> 'since')::timestamptz, detail = nullif(${back} -> 'detail', 'null'), changed_at = ${now.toString()}
    where id = ${request.id}`.execute(db);
  const event: LedgerEvent = { kind: "request.released", request: request.ref, by: nameOf(ctx, releasing) };
  await appendEntries(db, [event], { at: now, run: runOf(releasing) });
  return { ref: request.ref, state };
};

const nameOf = (ctx: Context, { by }: Releasing): string | null => (by === null ? null : decider(ctx, by));

const runOf = (releasing: Releasing): string | null => (releasing.by === null ? releasing.run.id : null);
