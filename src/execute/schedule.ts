import { sql, type Kysely } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context, Store } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { SavedMark } from "#records/plan.ts";
import type { RequestState } from "#records/request.ts";
import type { Run } from "#records/run.ts";

/**
 * Lets requests wait until the store's time of grace is over; where several stores have one, until the last is. Returns what the
 * ledger has to say.
 */
export const scheduleRequests = async (
  ctx: Context,
  tx: Kysely<StateDb>,
  run: Run,
  store: Pick<Store, "name" | "policy">,
  { refs, mark }: { readonly refs: readonly string[]; readonly mark: SavedMark | null },
): Promise<readonly LedgerEvent[]> => {
  const at = ctx.clock.now();
  const due = dueAfter(ctx, store).toString();
  // Also of those that have gone back for approval since their subject was marked: afterwards nothing would begin it. Whom a restore
  // had undone the mark of waits no longer than before.
  await sql`with begun as (update lethe.request r set scheduled_for = case
        when exists (select from lethe.grace g where g.request_id = r.id and g.store = ${store.name}) then scheduled_for
        else greatest(scheduled_for, ${due}) end
      where ref = any (${[...refs]}::text[]) and state = any (${[...waiting, "verified", "held"]}::text[]) returning id)
    insert into lethe.grace (request_id, store, key, mark) select begun.id, s.store, s.key, ${mark && JSON.stringify(mark)}::jsonb from begun
      join lethe.subject s on s.request_id = begun.id and s.store = ${store.name} and s.key is not null
    on conflict (request_id, store) do update set mark = excluded.mark, lost = false where lethe.grace.lost`.execute(
    tx,
  );
  const scheduled = await sql<{ ref: string; due: string }>`update lethe.request set state = 'scheduled',
      code = null, code_since = null, detail = null, changed_at = ${at.toString()}, run_id = ${run.id}
    where ref = any (${[...refs]}::text[]) and state = any (${[...waiting]}::text[])
    returning ref, scheduled_for as due`.execute(tx);
  return scheduled.rows
    .toSorted((a, b) => (a.ref < b.ref ? -1 : 1))
    .map((row) => ({ kind: "request.scheduled", request: row.ref, store: store.name, for: row.due }));
};

const waiting: readonly RequestState[] = ["approved", "blocked", "erasing", "failed", "scheduled"];

const dueAfter = (ctx: Context, { policy }: Pick<Store, "policy">): Temporal.Instant =>
  ctx.clock
    .now()
    .toZonedDateTimeISO(ctx.config.controller.timeZone)
    .add(Temporal.Duration.from(policy.deletion.grace ?? "PT0S"))
    .toInstant();
