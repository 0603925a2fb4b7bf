import { sql } from "kysely";
import type { Context } from "#context.ts";
import { lockHolds } from "#db/hold-lock.ts";
import { checkPlacing, insertHold, placedAs, type Placing } from "#holds/placing.ts";
import { theRequest, type Decided } from "#intake/decide.ts";
import { decider, requireDecision } from "#intake/decision.ts";
import { lockRequests, parseReference } from "#intake/reference.ts";
import { inTransaction } from "#intake/transaction.ts";
import { appendEntries } from "#ledger/append.ts";
import { holdReference } from "#lib/random.ts";

/** Puts the person of a request under a legal hold: nothing happens to their data until it is released, whoever else asks for it. */
export const holdRequest = async (ctx: Context, reference: string, placing: Placing): Promise<Decided> => {
  checkPlacing(ctx, placing);
  const { by, matter } = placing;
  return await inTransaction(ctx, async (db) => {
    await lockHolds(db, "hold");
    const request = await theRequest(lockRequests(db, [parseReference(reference)]));
    requireDecision("hold", request);
    const now = ctx.clock.now();
    await sql`update lethe.request set state = 'held', held_from = state,
        held_with = case when code is not null then jsonb_build_object('code', code, 'since', code_since, 'detail', detail) end,
        code = 'LEGAL_HOLD', code_since = ${now.toString()},
        detail = ${JSON.stringify({ matter })}::jsonb, changed_at = ${now.toString()}
      where id = ${request.id}`.execute(db);
    const ref = holdReference(ctx.random);
    await insertHold(ctx, db, placing, { ref, kind: "request", request: request.id });
    await appendEntries(
      db,
      [
        { kind: "hold.placed", ...placedAs(ctx, ref, placing), of: "request", request: request.ref },
        { kind: "request.held", request: request.ref, by: decider(ctx, by), matter },
      ],
      { at: now, run: null },
    );
    return { ref: request.ref, state: "held" };
  });
};
