import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import type { StateDb } from "#db/state-schema.ts";
import { assign, type Outcome, type Target } from "#intake/assign.ts";
import { openRequestsNaming } from "#intake/open-requests.ts";
import type { Entrant } from "#intake/row.ts";
import { appendEntries } from "#ledger/append.ts";
import type { Identifier } from "#records/request.ts";

export type Entered = { readonly outcome: Outcome; readonly requestId: number | null; readonly ref: string | null };

/**
 * Enters requests into the register, or joins them to the open request that already names one of their identifiers, with
 * a constant number of statements for any number of entrants. The caller's transaction holds `lockIntake`; requests,
 * identifiers and ledger entries commit together or not at all. One result per entrant, in order.
 */
export const enterRequests = async (
  ctx: Context,
  db: Kysely<StateDb>,
  entrants: readonly Entrant[],
  source: "import" | "command",
): Promise<Entered[]> => {
  const named = entrants.flatMap((entrant) => entrant.identifiers);
  const { outcomes, opened, joined, events } = assign(
    entrants,
    await openRequestsNaming(db, named),
    source,
    ctx.random,
  );
  const now = ctx.clock.now();
  const ids = await insertRequests(db, opened, now.toString());
  for (const target of opened) target.id = ids.get(target.ref);
  await insertIdentifiers(db, [...opened, ...joined]);
  await countRepeats(db, joined);
  // Last, because it locks the head of the ledger until the transaction ends.
  await appendEntries(db, events, { at: now, run: null });
  return outcomes.map(({ outcome, target }) => ({ outcome, requestId: target?.id ?? null, ref: target?.ref ?? null }));
};

const insertRequests = async (
  db: Kysely<StateDb>,
  opened: readonly Target[],
  now: string,
): Promise<Map<string, number>> => {
  if (opened.length === 0) return new Map();
  const { rows } = await sql<{ id: number; ref: string }>`
    insert into lethe.request (ref, state, received_on, due_on, due_basis, regime, confirm_on, ground, purpose, repeats, created_at, changed_at)
    select ref, 'received', received_on, due_on, basis, regime, confirm_on, ground, purpose, repeats, ${now}, ${now}
    from unnest(
      ${opened.map(({ ref }) => ref)}::text[], ${opened.map(({ receivedOn }) => receivedOn)}::date[],
      ${opened.map(({ dueOn }) => dueOn)}::date[], ${opened.map(({ basis }) => basis)}::text[],
      ${opened.map(({ regime }) => regime)}::text[], ${opened.map(({ confirmOn }) => confirmOn ?? null)}::date[],
      ${opened.map(({ ground }) => ground ?? null)}::text[], ${opened.map(({ purpose }) => purpose)}::text[], ${opened.map(({ repeats }) => repeats)}::integer[]
    ) as entrant (ref, received_on, due_on, basis, regime, confirm_on, ground, purpose, repeats)
    returning id, ref`.execute(db);
  return new Map(rows.map(({ id, ref }) => [ref, id]));
};

const insertIdentifiers = async (db: Kysely<StateDb>, targets: readonly Target[]): Promise<void> => {
  const rows = targets.flatMap(({ id, further }) => further.map((identifier: Identifier) => ({ id, ...identifier })));
  if (rows.length === 0) return;
  await sql`insert into lethe.request_identifier (request_id, kind, value)
    select * from unnest(
      ${rows.map(({ id }) => id)}::bigint[], ${rows.map(({ kind }) => kind)}::text[], ${rows.map(({ value }) => value)}::text[]
    )`.execute(db);
};

// The earliest receipt is the one that starts the month: asking again neither extends nor shortens it.
const countRepeats = async (db: Kysely<StateDb>, joined: readonly Target[]): Promise<void> => {
  if (joined.length === 0) return;
  await sql`update lethe.request as request set
      repeats = request.repeats + again.times,
      due_on = case when again.received_on < request.received_on then again.due_on else request.due_on end,
      received_on = least(request.received_on, again.received_on)
    from unnest(
      ${joined.map(({ id }) => id)}::bigint[], ${joined.map(({ repeats }) => repeats)}::integer[],
      ${joined.map(({ receivedOn }) => receivedOn)}::date[], ${joined.map(({ dueOn }) => dueOn)}::date[]
    ) as again (id, times, received_on, due_on)
    where request.id = again.id`.execute(db);
};
