import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import type { StateDb } from "#db/state-schema.ts";
import { decider, requireDecision } from "#intake/decision.ts";
import { closeHolds, releasedEvents } from "#db/close-holds.ts";
import { forgetSubjects } from "#db/forget-subjects.ts";
import { lockRequests, parseReference, type LockedRequest } from "#intake/reference.ts";
import { latenessOf, refusalOf, type Refusal, type WrittenRefusal } from "#intake/refusal.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { LetheError } from "#lib/errors.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { LateRefusal, RequestState } from "#records/request.ts";

export type Decided = { readonly ref: string; readonly state: RequestState };

/** `late`: null when the person is told in time. */
export type Refused = Decided & { readonly late: LateRefusal | null };

type Ending = { readonly by: string } & (
  | { readonly state: "refused"; readonly refusal: Refusal }
  | { readonly state: "withdrawn" }
);

/**
 * Turns a request down (A4: the caller tells the person why, and of complaint and remedy) and forgets whom it was about. Throws
 * `REQUEST_INVALID` for an exception without the provision that it rests on, or with something else.
 */
export const refuseRequest = async (
  ctx: Context,
  ref: string,
  { by, ...written }: WrittenRefusal & { readonly by: string },
): Promise<Refused> => {
  const { late, ...decided } = await end(ctx, ref, "refuse", { state: "refused", by, refusal: refusalOf(written) });
  return { ...decided, late: late ?? null };
};

/** The person no longer wants it: ends the request and forgets whom it was about. */
export const withdrawRequest = async (ctx: Context, ref: string, { by }: { by: string }): Promise<Decided> => {
  const { state, ref: withdrawn } = await end(ctx, ref, "withdraw", { state: "withdrawn", by });
  return { ref: withdrawn, state };
};

/** `late`: of a refusal that is. */
type Ended = Decided & { readonly late: LateRefusal | undefined };

const end = async (ctx: Context, ref: string, decision: "refuse" | "withdraw", ending: Ending): Promise<Ended> => {
  const ended = await inTransaction(ctx, async (db) => {
    const request = await theRequest(lockRequests(db, [parseReference(ref)]));
    requireDecision(decision, request);
    await requireUntouched(db, request);
    const [first] = await endRequests(ctx, db, [request], ending);
    if (first === undefined) throw new TypeError("every request that is ended is returned");
    return first;
  });
  await removeDeadRows(ctx);
  return ended;
};

const noRefusal = { reason: null, exception: null, citation: null };

/** Ends requests that are locked and may end so, in the caller's transaction, after which their dead rows have to be removed. */
export const endRequests = async (
  ctx: Context,
  db: Kysely<StateDb>,
  requests: readonly LockedRequest[],
  ending: Ending,
): Promise<readonly Ended[]> => {
  if (requests.length === 0) return [];
  const now = ctx.clock.now();
  const ids = requests.map(({ id }) => id);
  const { state } = ending;
  const ended = requests.map((request) => ({
    ref: request.ref,
    state,
    late: state === "refused" ? latenessOf(ctx, request, now) : undefined,
  }));
  const { reason, exception, citation } = ending.state === "refused" ? ending.refusal : noRefusal;
  await sql`update lethe.request r set state = ${state}, reason = ${reason}, refusal_exception = ${exception},
      refusal_citation = ${citation}, refusal_late = ended.late, held_from = null, held_with = null,
      code = null, code_since = null, detail = null, changed_at = ${now.toString()}
    from jsonb_to_recordset(${JSON.stringify(ended)}::jsonb) as ended (ref text, late jsonb) where r.ref = ended.ref`.execute(
    db,
  );
  await forgetSubjects(db, ids);
  const by = decider(ctx, ending.by);
  const events = ended.map(({ ref, late }): LedgerEvent => {
    if (ending.state === "withdrawn") return { kind: "request.withdrawn", request: ref, by };
    const { refusal } = ending;
    const rest = { exception: refusal.exception ?? undefined, citation: refusal.citation ?? undefined };
    return { kind: "request.refused", request: ref, by, reason: refusal.reason, ...rest, late };
  });
  // What was held of them is held no more.
  const released = await closeHolds(db, { requests: ids }, { by: ending.by, at: now });
  await appendEntries(db, [...events, ...releasedEvents(released, by)], { at: now, run: null });
  return ended;
};

/** What is done in one store is done: ending the request would hide it from the register and from a restore. */
const requireUntouched = async (db: Kysely<StateDb>, request: LockedRequest): Promise<void> => {
  // What repeats an erasure after a restore may be refused, whatever of it is done: the store could not serve while the rest is held.
  const touched = await sql<{ any: boolean }>`select exists (select from lethe.subject
      where request_id = ${request.id} and state = 'executed')
    or (not ${request.repeats} and exists (select from lethe.disposition where request_id = ${request.id})) as any`.execute(
    db,
  );
  if (touched.rows[0]?.any !== true) return;
  throw new LetheError("REQUEST_STATE", `request ${request.ref} is ${request.state} and already erased in a store`, {
    hint: "mend what keeps it from completing; the next night goes on with it",
  });
};

/** The only one of the locked. */
export const theRequest = async (locked: Promise<readonly LockedRequest[]>): Promise<LockedRequest> => {
  const [request] = await locked;
  if (request === undefined) throw new TypeError("lockRequests returns every request or throws");
  return request;
};
