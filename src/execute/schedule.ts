import { sql, type Kysely } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context, Store } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Run } from "#records/run.ts";

/**
 * Lets requests wait until the store's time of grace is over; where several stores have one, until the last is. Returns what the
 * ledger has to say.
 */
export const scheduleRequests = async (
  ctx: Context,
  tx: Kysely<StateDb>,
  run: Run,
  store: Store,
  refs: readonly string[],
): Promise<readonly LedgerEvent[]> => {
  const at = ctx.clock.now();
  const due = dueAfter(ctx, store).toString();
  const scheduled = await sql<{ ref: string; due: string }>`update lethe.request set state = 'scheduled',
      scheduled_for = greatest(scheduled_for, ${due}), code = null, code_since = null, detail = null,
      changed_at = ${at.toString()}, run_id = ${run.id}
    where ref = any (${[...refs]}::text[]) and state in ('approved', 'blocked', 'erasing', 'failed', 'scheduled')
    returning ref, scheduled_for as due`.execute(tx);
  return scheduled.rows
    .toSorted((a, b) => (a.ref < b.ref ? -1 : 1))
    .map((row) => ({ kind: "request.scheduled", request: row.ref, store: store.name, for: row.due }));
};

const dueAfter = (ctx: Context, { policy }: Store): Temporal.Instant =>
  ctx.clock
    .now()
    .toZonedDateTimeISO(ctx.config.controller.timeZone)
    .add(Temporal.Duration.from(policy.deletion.grace ?? "PT0S"))
    .toInstant();
