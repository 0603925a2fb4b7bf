import { sql, type RawBuilder } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { decider } from "#intake/decision.ts";
import { todayOf } from "#intake/requests.ts";
import { dayIn } from "#lib/clock.ts";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import { received } from "#register/period.ts";
import type { Reading } from "#register/read-requests.ts";
import {
  decisionKinds,
  type DecisionEvent,
  type DecisionRow,
  type HoldRow,
  type MatterRow,
  type Period,
} from "#register/register-source.ts";

/** Whose digest it is, where the register knows. */
export type NameOf = (digest: string) => string | null;

/** Those who decide are a few people; were they more, the rest would go by their digests. */
const mostNames = 1_000;

/**
 * The ledger names who decided by a keyed digest, as it can only grow; the register has the names of those who have approved something, and
 * from them, with the key, whose the digests are.
 */
export const readNames = async (ctx: Pick<Context, "keys">, snapshot: Snapshot): Promise<NameOf> => {
  const rows = await all(
    snapshot,
    sql<{ name: string }>`select approved_by as name from lethe.request where approved_by is not null
      group by approved_by order by count(*) desc, approved_by limit ${mostNames}`,
  );
  const names = new Map(rows.map(({ name }) => [decider(ctx, name), name]));
  return (digest) => names.get(digest) ?? null;
};

/** Entries of the kinds, of requests of the period. */
export const entriesOf = (kinds: readonly string[], period: Period): RawBuilder<unknown> => sql`
  from lethe.ledger_entry entry join lethe.request on request.ref = entry.request_ref
  where entry.kind = any(${[...kinds]}::text[]) and ${received(period)}`;

/** Every decision about the requests of the period, in the order of the ledger. */
export async function* readDecisions({ snapshot, period }: Reading, nameOf: NameOf): AsyncGenerator<DecisionRow> {
  const query = sql<{ entry: number; ref: string; body: string }>`
    select entry.index as entry, request.ref, entry.body ${entriesOf(decisionKinds, period)} order by entry.index`;
  for await (const { entry, ref, body } of stream(snapshot, query)) {
    // Canonical JSON of the event, as `appendEntries` wrote it.
    const event = JSON.parse(body) as DecisionEvent & { readonly at: string };
    yield { entry, ref, at: event.at, event, name: "by" in event && event.by !== null ? nameOf(event.by) : null };
  }
}

const holdKinds = ["request.held", "request.released", "request.refused", "request.withdrawn"];

/**
 * A hold and what ended it: a release, or the end of the request. Where the register says that a request is held and the ledger does not, the
 * hold is listed as the register has it: nobody may miss one.
 */
const holds = (period: Period): RawBuilder<unknown> => sql`
  with step as (
    select request.ref, request.due_on as due, entry.index, entry.kind, entry.body::jsonb as body,
      lead(entry.kind) over steps as ending, lead(entry.body) over steps as "endingBody"
    ${entriesOf(holdKinds, period)} window steps as (partition by request.ref order by entry.index)
  ), hold as (
    select ref, due, body ->> 'matter' as matter, coalesce(substr(ending, 9), 'held') as status, body ->> 'at' as since,
      body ->> 'by' as by, "endingBody"::jsonb ->> 'at' as ended, "endingBody"::jsonb ->> 'by' as "endedBy"
    from step where kind = 'request.held'
  )
  select * from hold union all
  select ref, due_on, detail ->> 'matter', 'held', to_char(code_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), null, null, null
  from lethe.request where state = 'held' and ${received(period)}
    and not exists (select from hold where hold.ref = request.ref and hold.status = 'held')
  order by ended nulls first, since, ref`;

/** Legal holds as they were placed, on requests of the period, and on rows, backups and people whatever was asked for: those in force, then those that ended. */
export const readMatters = ({ snapshot, period }: Reading): AsyncGenerator<MatterRow> =>
  stream(
    snapshot,
    sql<MatterRow>`
      select hold.ref as hold, matter, hold.reason, kind, request.ref, store, table_name as "table", repository, backup, from_on as "from", to_on as "to",
        placed_by as by, placed_at as placed, until_on as until, released_at as released, released_by as "releasedBy"
      from lethe.hold left join lethe.request on request.id = hold.request_id
      where hold.request_id is null or ${received(period)}
      order by released_at nulls first, placed_at, hold.ref`,
  );

/** Holds of the requests of the period: those that stand, then those that ended. */
export async function* readHolds({ ctx, snapshot, period }: Reading, nameOf: NameOf): AsyncGenerator<HoldRow> {
  const { timeZone } = ctx.config.controller;
  const today = todayOf(ctx);
  const dayOf = (instant: string): Temporal.PlainDate => dayIn(Temporal.Instant.from(instant), timeZone);
  const who = (digest: string | null): string | null => (digest === null ? null : (nameOf(digest) ?? digest));
  for await (const row of stream(snapshot, sql<Omit<HoldRow, "days">>`${holds(period)}`)) {
    const until = row.ended === null ? today : dayOf(row.ended);
    const days = row.since === null ? null : dayOf(row.since).until(until).days;
    yield { ...row, days, by: who(row.by), endedBy: who(row.endedBy) };
  }
}
