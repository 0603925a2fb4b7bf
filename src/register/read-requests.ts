import { sql, type RawBuilder } from "kysely";
import { Temporal } from "temporal-polyfill";
import type { Context } from "#context.ts";
import { statesOf } from "#intake/counts.ts";
import { dueDate } from "#intake/deadline.ts";
import { regimeOf } from "#intake/regimes.ts";
import { daysLeft, todayOf } from "#intake/requests.ts";
import { identityOf, type IdentityRow } from "#intake/show.ts";
import { outcomeOf, type RequestDetail } from "#records/request.ts";
import { stream, type Snapshot } from "#report/cursor.ts";
import { purposeWord } from "#report/read-requests.ts";
import { hintFor } from "#report/request-hints.ts";
import { received } from "#register/period.ts";
import type { ClockRow, OverdueRow, Period, RequestRow } from "#register/register-source.ts";

/** What the readers share: a clock that stands still, so that all sheets are of one day. */
export type Reading = {
  readonly ctx: Pick<Context, "config" | "clock">;
  readonly snapshot: Snapshot;
  readonly period: Period;
};

const done = statesOf("done");
const refused = statesOf("refused");
const pending = statesOf("pending");
const open = [...pending, ...statesOf("failed")];

/** Done when the search after the erasure had found nothing, else when it changed last, after which nothing does. */
const ended = sql`case when request.state in ('erased', 'completed') then request.erased_at
  when request.state <> all(${open}::text[]) then request.changed_at end`;

/** Of what is done or refused, whether that was by the due date, and a refusal in the time that there is for one, by days of the time zone; null of everything else. */
export const inTime = (timeZone: string): RawBuilder<boolean | null> =>
  sql`case when request.refusal_late is not null then false when request.state = any(${[...done, ...refused]}::text[])
    then (${ended} at time zone ${timeZone}::text)::date <= request.due_on end`;

/** Open and past its due date: the pending, as every report counts them, and the failed beside them. */
export const late = (today: string): RawBuilder<boolean> =>
  sql`(request.state = any(${open}::text[]) and request.due_on < ${today}::date)`;

type Row = Omit<RequestRow, "outcome" | "daysLeft" | "hint"> & { detail: RequestDetail | null };

/** The requests of the period in the order in which they came. */
export async function* readRequests({ ctx, snapshot, period }: Reading): AsyncGenerator<RequestRow> {
  const today = todayOf(ctx);
  const query = sql<Row>`
    select ref, state, received_on as received, due_on as due, due_basis as basis, regime, ground, ${purposeWord} as purpose,
      approved_at as approved, approved_by as "approvedBy", approved_plan as plan, reason, code, code_since as "codeSince", detail,
      scheduled_for as "scheduledFor", (select string_agg(outcome.store || ': ' || outcome.outcome, ', ' order by outcome.store)
        from lethe.outcome where outcome.request_id = request.id) as outcomes,
      erased_at as erased, backups_clear_on as "backupsClearOn", completed_at as completed, ${ended} as ended,
      ${inTime(ctx.config.controller.timeZone)} as "inTime", repeats
    from lethe.request where ${received(period)} order by received_on, ref`;
  for await (const { detail, ...row } of stream(snapshot, query)) {
    const left = daysLeft(row.state, row.due, today);
    const hint = left === null ? null : hintFor(row.code, detail);
    yield { ...row, outcome: outcomeOf(row.state), daysLeft: left, hint };
  }
}

type ClockColumns = Omit<ClockRow, "daysLeft" | "dueIfPaused" | "dueBefore"> & IdentityRow;

/** The same requests by what is due first; behind them those of which nothing is due any more. */
export async function* readClocks({ ctx, snapshot, period }: Reading): AsyncGenerator<ClockRow> {
  const today = todayOf(ctx);
  const query = sql<ClockColumns>`
    select ref, state, regime, received_on, received_on as received, due_basis as basis, due_on as due, confirm_on as "confirmBy",
      confirmed_on as "confirmedOn", identity_asked_on, identity_asked_on as asked, identity_proven_on, identity_proven_on as proven,
      extended, extended as extension, extension_noticed_on as noticed, ${ended} as ended,
      ${inTime(ctx.config.controller.timeZone)} as "inTime"
    from lethe.request where ${received(period)} order by state <> all(${open}::text[]), due_on, ref`;
  for await (const { received_on, identity_asked_on, identity_proven_on, extended, ...row } of stream(
    snapshot,
    query,
  )) {
    const identity = identityOf(ctx, {
      regime: row.regime,
      received_on,
      extended,
      identity_asked_on,
      identity_proven_on,
    });
    yield {
      ...row,
      daysLeft: daysLeft(row.state, row.due, today),
      dueIfPaused: identity?.dueIfPaused ?? null,
      dueBefore: extended === null ? null : firstDue(ctx, row),
    };
  }
}

const firstDue = ({ config }: Reading["ctx"], row: Pick<ClockRow, "received" | "regime">): string => {
  const { controller } = config;
  const regime = regimeOf({ country: controller.country, regime: row.regime });
  return dueDate(Temporal.PlainDate.from(row.received), controller, regime).due.toString();
};

/** Open past their due date, by name (I9): the pending, then the failed, the longest first. */
export async function* readOverdue({ ctx, snapshot, period }: Reading): AsyncGenerator<OverdueRow> {
  const today = todayOf(ctx).toString();
  const query = sql<Omit<OverdueRow, "outcome" | "hint"> & { detail: RequestDetail | null }>`
    select ref, state, received_on as received, due_on as due, ${today}::date - due_on as "daysLate", code, detail
    from lethe.request where ${received(period)} and ${late(today)} order by state = 'failed', due_on, ref`;
  for await (const { detail, ...row } of stream(snapshot, query)) {
    yield { ...row, outcome: outcomeOf(row.state), hint: hintFor(row.code, detail) };
  }
}
