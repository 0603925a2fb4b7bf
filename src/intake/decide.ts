import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import { lockHolds } from "#db/hold-lock.ts";
import type { StateDb } from "#db/state-schema.ts";
import { decider, requireDecision, type RefusalReason } from "#intake/decision.ts";
import { forgetSubjects } from "#db/forget-subjects.ts";
import { lockRequests, parseReference, type LockedRequest } from "#intake/reference.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { mayBecome, type RequestState } from "#records/request.ts";

export type Decided = { readonly ref: string; readonly state: RequestState };

type Ending = { readonly by: string } & (
  | { readonly state: "refused"; readonly reason: RefusalReason }
  | { readonly state: "withdrawn" }
);

/** Turns a request down (A4: the caller tells the person why, and of complaint and remedy) and forgets whom it was about. */
export const refuseRequest = (
  ctx: Context,
  ref: string,
  { by, reason }: { by: string; reason: RefusalReason },
): Promise<Decided> => end(ctx, ref, "refuse", { state: "refused", by, reason });

/** The person no longer wants it: ends the request and forgets whom it was about. */
export const withdrawRequest = (ctx: Context, ref: string, { by }: { by: string }): Promise<Decided> =>
  end(ctx, ref, "withdraw", { state: "withdrawn", by });

const end = async (ctx: Context, ref: string, decision: "refuse" | "withdraw", ending: Ending): Promise<Decided> => {
  const ended = await inTransaction(ctx, async (db): Promise<Decided> => {
    const request = await theRequest(lockRequests(db, [parseReference(ref)]));
    requireDecision(decision, request);
    await requireUntouched(db, request);
    await endRequests(ctx, db, [request], ending);
    return { ref: request.ref, state: ending.state };
  });
  await removeDeadRows(ctx);
  return ended;
};

/** Ends requests that are locked and may end so, in the caller's transaction, after which their dead rows have to be removed. */
export const endRequests = async (
  ctx: Context,
  db: Kysely<StateDb>,
  requests: readonly LockedRequest[],
  ending: Ending,
): Promise<void> => {
  if (requests.length === 0) return;
  const now = ctx.clock.now();
  const ids = requests.map(({ id }) => id);
  const reason = ending.state === "refused" ? ending.reason : null;
  await sql`update lethe.request set state = ${ending.state}, reason = ${reason}, held_from = null, held_with = null, code = null,
      code_since = null, detail = null, changed_at = ${now.toString()}
    where id = any(${ids}::bigint[])`.execute(db);
  await forgetSubjects(db, ids);
  const by = decider(ctx, ending.by);
  const events = requests.map(({ ref }): LedgerEvent =>
    ending.state === "refused"
      ? { kind: "request.refused", request: ref, by, reason: ending.reason }
      : { kind: "request.withdrawn", request: ref, by },
  );
  await appendEntries(db, events, { at: now, run: null });
};

/** What is done in one store is done: ending the request would hide it from the register and from a restore. */
const requireUntouched = async (db: Kysely<StateDb>, request: LockedRequest): Promise<void> => {
  const executed = await db
    .selectFrom("lethe.subject")
    .select("store")
    .where("request_id", "=", request.id)
    .where("state", "=", "executed")
    .executeTakeFirst();
  if (executed === undefined) return;
  throw new LetheError("REQUEST_STATE", `request ${request.ref} is ${request.state} and already erased in a store`, {
    hint: "mend what keeps it from completing; the next night goes on with it",
  });
};

/** A legal hold: nothing happens to the person's data until it is released. `matter` is a file reference, not text. */
export const holdRequest = async (
  ctx: Context,
  ref: string,
  { by, matter }: { by: string; matter: string },
): Promise<Decided> => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,79}$/.test(matter)) {
    throw new LetheError("REQUEST_INVALID", "the matter is not a file reference", {
      hint: "give the reference of the case, up to 80 letters, digits and ._:/#-, and no name: it goes into the ledger",
    });
  }
  return await inTransaction(ctx, async (db) => {
    await lockHolds(db, "hold");
    const request = await theRequest(lockRequests(db, [parseReference(ref)]));
    requireDecision("hold", request);
    const now = ctx.clock.now();
    await sql`update lethe.request set state = 'held', held_from = state,
        held_with = case when code is not null then jsonb_build_object('code', code, 'since', code_since, 'detail', detail) end,
        code = 'LEGAL_HOLD', code_since = ${now.toString()},
        detail = ${JSON.stringify({ matter })}::jsonb, changed_at = ${now.toString()}
      where id = ${request.id}`.execute(db);
    await appendEntries(db, [{ kind: "request.held", request: request.ref, by: decider(ctx, by), matter }], {
      at: now,
      run: null,
    });
    return { ref: request.ref, state: "held" };
  });
};

/**
 * Ends a legal hold: the request goes back to where it was, with the code it had there: who is active again still wants an approval by name.
 * From `scheduled` or `failed` it goes to `approved` for the next night.
 */
export const releaseRequest = (ctx: Context, ref: string, { by }: { by: string }): Promise<Decided> =>
  inTransaction(ctx, async (db) => {
    const request = await theRequest(lockRequests(db, [parseReference(ref)]));
    requireDecision("release", request);
    const from = request.heldFrom ?? "received";
    const state = mayBecome("held", from) ? from : "approved";
    const now = ctx.clock.now();
    const back = sql`case when ${state === from} then held_with end`;
    await sql`update lethe.request set state = ${state}, held_from = null, held_with = null, code = ${back} ->> 'code',
        code_since = (${back} ->> 'since')::timestamptz, detail = nullif(${back} -> 'detail', 'null'), changed_at = ${now.toString()}
      where id = ${request.id}`.execute(db);
    await appendEntries(db, [{ kind: "request.released", request: request.ref, by: decider(ctx, by) }], {
      at: now,
      run: null,
    });
    return { ref: request.ref, state };
  });

const theRequest = async (locked: Promise<readonly LockedRequest[]>): Promise<LockedRequest> => {
  const [request] = await locked;
  if (request === undefined) throw new TypeError("lockRequests returns every request or throws");
  return request;
};
