import { sql, type Kysely } from "kysely";
import { everyStore, type Context } from "#context.ts";
import { removeDeadRows } from "#db/dead-rows.ts";
import type { StateDb } from "#db/state-schema.ts";
import { endRequests } from "#intake/decide.ts";
import { exceptionsOf, listExceptions } from "#intake/exceptions.ts";
import { approvable, decider, requireDecision } from "#intake/decision.ts";
import { lockRequests, parseReference, type LockedRequest } from "#intake/reference.ts";
import { refusalOf } from "#intake/refusal.ts";
import { inTransaction, reading } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { reopeningCodes, type Ground } from "#records/request.ts";

/** What would happen to these requests. Changes nothing. */
export type PlanFor = (
  ctx: Context,
  requests: readonly { readonly id: number; readonly ref: string }[],
) => Promise<Planned>;

export type Planned = {
  /** Of the plan, and of its shape: rules without row sets. */
  readonly hash: string;
  readonly shape: string;
  /** Whom the requests mean, store by store: the key of the one root row that was found. */
  readonly whom: readonly { readonly request: number; readonly store: string; readonly key: string }[];
};

export type Approval = {
  /** Who takes the responsibility: recorded in the register, and as a keyed digest in the ledger. */
  readonly by: string;
  readonly planFor: PlanFor;
  /** Of Art. 17(1) GDPR, as whoever decides finds it: of requests named one by one in the place of their own, of all that wait where they have none. */
  readonly ground?: Ground | undefined;
};

export type Approved = {
  readonly approved: number;
  /** References of those that ask for something a policy does not allow: they are refused. */
  readonly refused: readonly string[];
  /** Of the refused, those of which the person had to be told earlier. */
  readonly refusedLate: readonly string[];
  /** References of those whose subject is or may be active again: they want an approval by name. */
  readonly reactivated: readonly string[];
  /** The hashes that the approval binds to: one for each page of requests. */
  readonly plans: readonly string[];
  /** How many of the approved rest on no ground that anybody has stated. */
  readonly withoutGround: number;
};

const pageSize = 5_000;

/**
 * Records a person's confirmation, without which nothing is erased: who, when, the hash of the plan that was shown (I2), the ground, and what
 * stays by exception (A6). All of them or none: `REQUEST_UNKNOWN` and `REQUEST_STATE` name the first that cannot be approved.
 */
export const approveRequests = async (
  ctx: Context,
  references: readonly string[],
  approval: Approval,
): Promise<Approved> => {
  const refs = [...new Set(references.map(parseReference))];
  const requests = await inTransaction(ctx, async (db) => {
    const found = await lockRequests(db, refs);
    for (const request of found) requireDecision("approve", request);
    return found;
  });
  const { allowed } = byPurpose(ctx, requests);
  const plan = await approval.planFor(
    ctx,
    allowed.map(({ id, ref }) => ({ id, ref })),
  );
  const decided = await inTransaction(ctx, async (db) => {
    // Planning reads whole stores: somebody may have decided otherwise meanwhile.
    const locked = await lockRequests(db, refs);
    for (const request of locked) requireDecision("approve", request);
    const grounded = locked.map((request) => ({ ...request, ground: approval.ground ?? request.ground }));
    return await record(ctx, db, grounded, { by: approval.by, ...plan });
  });
  if (decided.refused.length > 0) await removeDeadRows(ctx);
  return { ...decided, reactivated: [], plans: [plan.hash] };
};

/**
 * Approves everything that waits for approval (`received`, `verified`), page by page: memory does not grow with
 * the register, and a crash leaves whole pages approved and the rest waiting. What was decided otherwise while its page
 * was planned is left as it is. So are those who were marked as deleted and are or may be active again: they may have changed their mind, and
 * nobody should be deleted for being one of many.
 */
export const approveAll = async (ctx: Context, approval: Approval): Promise<Approved> => {
  const plans: string[] = [];
  const refused: string[] = [];
  const refusedLate: string[] = [];
  let approved = 0;
  let withoutGround = 0;
  for (let after = 0; ;) {
    const page = await waiting(ctx, after);
    const last = page.at(-1);
    if (last === undefined) break;
    const plan = await approval.planFor(ctx, byPurpose(ctx, page).allowed);
    const decided = await inTransaction(ctx, async (db) => {
      const locked = await lockRequests(
        db,
        page.map(({ ref }) => ref),
      );
      const still = locked.filter(({ state }) => state === "received" || state === "verified");
      const grounded = still.map((request) => ({ ...request, ground: request.ground ?? approval.ground ?? null }));
      return await record(ctx, db, grounded, { by: approval.by, ...plan });
    });
    approved += decided.approved;
    withoutGround += decided.withoutGround;
    refused.push(...decided.refused);
    refusedLate.push(...decided.refusedLate);
    plans.push(plan.hash);
    after = last.id;
  }
  if (refused.length > 0) await removeDeadRows(ctx);
  return { approved, refused, refusedLate, reactivated: await reactivated(ctx), plans, withoutGround };
};

const waiting = (ctx: Context, after: number): Promise<{ id: number; ref: string; purpose: string }[]> =>
  reading(ctx, (db) =>
    db
      .selectFrom("lethe.request")
      .select(["id", "ref", "purpose"])
      .where("state", "in", ["received", "verified"])
      .where("restore_id", "is", null)
      .where((where) => where.or([where("code", "is", null), where("code", "not in", reopeningCodes)]))
      .where("id", ">", after)
      .orderBy("id")
      .limit(pageSize)
      .execute(),
  );

const reactivated = async (ctx: Context): Promise<readonly string[]> => {
  const found = await reading(ctx, (db) =>
    db
      .selectFrom("lethe.request")
      .select("ref")
      .where("state", "=", "verified")
      .where("code", "in", reopeningCodes)
      .orderBy("id")
      .execute(),
  );
  return found.map(({ ref }) => ref);
};

type Confirmation = Planned & { readonly by: string };

const record = async (
  ctx: Context,
  db: Kysely<StateDb>,
  requests: readonly LockedRequest[],
  { by, hash, shape, whom }: Confirmation,
): Promise<Omit<Approved, "reactivated" | "plans">> => {
  const { allowed, others } = byPurpose(ctx, requests);
  const refusal = refusalOf({ reason: "purpose-not-allowed" });
  const ended = await endRequests(ctx, db, others, { state: "refused", by, refusal });
  const refused = ended.map(({ ref }) => ref);
  const refusedLate = ended.flatMap(({ ref, late }) => (late === undefined ? [] : [ref]));
  if (allowed.length === 0) return { approved: 0, refused, refusedLate, withoutGround: 0 };
  const now = ctx.clock.now();
  const listed = await listExceptions(db, exceptionsOf(everyStore(ctx)), now);
  await sql`update lethe.request r set state = 'approved', approved_by = ${by}, approved_at = ${now.toString()},
      approved_plan = ${hash}, approved_shape = ${shape}, changed_at = ${now.toString()},
      code = null, code_since = null, detail = null, ground = decided.ground, exceptions = ${listed.digest}
    from unnest(${allowed.map(({ id }) => id)}::bigint[], ${allowed.map(({ ground }) => ground)}::text[]) as decided (id, ground)
    where r.id = decided.id and r.state = any(${approvable}::text[])`.execute(db);
  await settleWhom(
    db,
    allowed.map(({ id }) => id),
    whom,
  );
  const name = decider(ctx, by);
  const events = allowed.flatMap(({ ref, state, ground }): LedgerEvent[] => {
    const approved = {
      kind: "request.approved",
      request: ref,
      by: name,
      plan: hash,
      ground: ground ?? undefined,
      exceptions: listed.digest,
    } as const;
    // Approving vouches for the person's identity too (Art. 12(6)); both steps are on record.
    return state === "received" ? [{ kind: "request.verified", request: ref, by: name }, approved] : [approved];
  });
  await appendEntries(db, [listed, ...events], { at: now, run: null });
  return { approved: allowed.length, refused, refusedLate, withoutGround: allowed.filter(lacksGround).length };
};

/** Californian law knows no grounds; and what a restore undid has been decided before. */
const lacksGround = ({ ground, regime, repeats }: LockedRequest): boolean =>
  ground === null && regime !== "ccpa" && !repeats;

/**
 * I2: who was found for the plan that is approved is who is erased, whoever has their address by the night. Who was found before stays who it
 * is; and a request that repeats an erasure means the row that a restore brought back, and nobody elsewhere.
 */
const settleWhom = async (db: Kysely<StateDb>, approved: readonly number[], whom: Planned["whom"]): Promise<void> => {
  await sql`insert into lethe.identity (request_id, store, key)
    select x.request, x.store, x.key from jsonb_to_recordset(${JSON.stringify(whom)}::jsonb) as x (request bigint, store text, key text)
    join lethe.request r on r.id = x.request and r.restore_id is null where x.request = any (${[...approved]}::bigint[])
    on conflict do nothing`.execute(db);
};

/** A store whose policy names purposes acts for those only; a request is for all stores, so all of them have to allow it. */
const byPurpose = <R extends { readonly purpose: string; readonly repeats?: boolean }>(
  ctx: Context,
  requests: readonly R[],
): { readonly allowed: readonly R[]; readonly others: readonly R[] } => {
  const isAllowed = ({ purpose }: R): boolean =>
    everyStore(ctx).every(({ policy }) => policy.purposes === undefined || policy.purposes.includes(purpose));
  // What a restore undid was allowed when it was done.
  const passes = (request: R): boolean => request.repeats === true || isAllowed(request);
  return { allowed: requests.filter(passes), others: requests.filter((request) => !passes(request)) };
};
