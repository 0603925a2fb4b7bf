import { sql, type RawBuilder } from "kysely";
import type { BackupConfig } from "#config.ts";
import { holdingErased } from "#db/holding-backups.ts";
import {
  outcomeOf,
  requestStates,
  type RequestCounts,
  type RequestDetail,
  type RequestState,
} from "#records/request.ts";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import { hintFor } from "#report/request-hints.ts";
import type { OverdueItem, RequestItem, StoppedItem, WarningItem } from "#report/report-document.ts";
import type { ReportHead } from "#report/report-source.ts";
import type { Scope } from "#report/scope.ts";

const statesOf = (...outcomes: readonly string[]): RawBuilder<unknown> =>
  sql.join(requestStates.filter((state) => outcomes.includes(outcomeOf(state))).map((state) => sql.lit(state)));

const pending = statesOf("pending");
/** Whose person waits, whatever the reason. */
const open = statesOf("pending", "failed");
const closed = statesOf("done", "refused", "withdrawn");

/** Open, worked on by these runs, or changed since the run before: the others stand unchanged in an earlier report. */
export const isListed = (scope: Pick<Scope, "ids" | "since">): RawBuilder<boolean> =>
  sql`(state not in (${closed}) or run_id = any(${scope.ids}::text[])
    or ${scope.since}::timestamptz is null or changed_at >= ${scope.since}::timestamptz)`;

/** The register as a whole (A11), and how far away the deadlines of its open requests are. */
export const readRegister = async (
  snapshot: Snapshot,
  scope: Scope,
  today: string,
): Promise<ReportHead["requests"]> => {
  const byState = await all(
    snapshot,
    sql<{ state: RequestState; n: number; listed: number }>`
      select state, count(*) as n, count(*) filter (where ${isListed(scope)}) as listed from lethe.request group by state`,
  );
  const [due] = await all(
    snapshot,
    sql<ReportHead["requests"]["deadlines"]>`
      select count(*) filter (where days < 0) as overdue,
        count(*) filter (where days between 0 and 7) as within7,
        count(*) filter (where days between 8 and 14) as within14,
        count(*) filter (where days between 15 and 30) as within30,
        count(*) filter (where days > 30) as later
      from (select due_on - ${today}::date as days from lethe.request where state in (${pending})) as open`,
  );
  const deadlines = due ?? { overdue: 0, within7: 0, within14: 0, within30: 0, later: 0 };
  const counts = { received: 0, done: 0, refused: 0, withdrawn: 0, pending: 0, failed: 0, blocked: 0 };
  let listed = 0;
  for (const row of byState) {
    counts.received += row.n;
    counts[outcomeOf(row.state)] += row.n;
    if (row.state === "blocked") counts.blocked += row.n;
    listed += row.listed;
  }
  const register: RequestCounts = { ...counts, overdue: deadlines.overdue };
  return { counts: register, deadlines, listed, closedEarlier: counts.received - listed };
};

/** Purposes are words of policies. What was typed as one and is none may say anything of anybody (I8). */
export const purposeWord = sql`case when purpose ~ '^[a-z0-9][a-z0-9._-]{0,59}$' then purpose when purpose is not null then 'other' end`;

type ItemRow = Omit<RequestItem, "outcome" | "hint"> & { detail: RequestDetail | null };

export async function* readRequests(
  snapshot: Snapshot,
  scope: Scope,
  today: string,
  backups: readonly BackupConfig[],
): AsyncGenerator<RequestItem> {
  const query = sql<ItemRow>`
    with holding as (${holdingErased(backups)})
    select ref, state, received_on as received, due_on as due, due_basis as basis, ground,
      ${purposeWord} as purpose, scheduled_for as "scheduledFor",
      case when state not in (${closed}) then due_on - ${today}::date end as "daysLeft",
      coalesce(approved_at, case when state in ('refused', 'withdrawn') then changed_at end) as decided,
      erased_at as erased, completed_at as completed, backups_clear_on as "backupsClearOn",
      case when state = 'erased' then coalesce(holding.copies, 0) end as "backupsLeft", code, detail, repeats, exceptions,
      case when state = 'refused' then jsonb_build_object('reason', reason, 'exception', refusal_exception,
        'citation', refusal_citation, 'late', refusal_late) end as refusal
    from lethe.request left join holding using (id) where ${isListed(scope)} order by due_on, ref`;
  for await (const { detail, ...row } of stream(snapshot, query)) {
    const isOpen = row.daysLeft !== null;
    const { repeats, exceptions, refusal, ...facts } = row;
    const hint = isOpen ? hintFor(row.code, detail) : null;
    yield { ...facts, outcome: outcomeOf(row.state), hint, repeats, exceptions, refusal };
  }
}

/** Open past their due date: named by reference in every report (I9). The failed come last, and are counted as failed. */
export async function* readOverdue(snapshot: Snapshot, today: string): AsyncGenerator<OverdueItem> {
  yield* stream(
    snapshot,
    sql<OverdueItem>`select ref, state, due_on as due, ${today}::date - due_on as "daysLate", code from lethe.request
      where state in (${open}) and due_on < ${today}::date order by state = 'failed', due_on, ref`,
  );
}

/** Open requests that are due within `warnDays`, and those whose receipt was to be confirmed by yesterday and is not. */
export const warnings = (today: string, warnDays: number) => sql<WarningItem>`
  select ref, 'due-soon' as what, due_on as due, due_on - ${today}::date as "daysLeft" from lethe.request
    where state in (${open}) and due_on between ${today}::date and ${today}::date + ${warnDays}::int
  union all select ref, 'not-confirmed', confirm_on, confirm_on - ${today}::date from lethe.request
    where state not in (${closed}) and confirmed_on is null and confirm_on < ${today}::date
  order by due, ref, what`;

export async function* readWarnings(snapshot: Snapshot, today: string, warnDays: number): AsyncGenerator<WarningItem> {
  yield* stream(snapshot, warnings(today, warnDays));
}

type StoppedRow = Omit<StoppedItem, "detail" | "code"> & { code: string | null; detail: RequestDetail | null };

/** Requests that wait for a person: `failed`, or `blocked` and `held`. */
export async function* readStopped(
  snapshot: Snapshot,
  states: readonly StoppedItem["state"][],
  today: string,
): AsyncGenerator<StoppedItem> {
  const query = sql<StoppedRow>`
    select ref, state, code, coalesce(code_since, changed_at) as since, due_on as due,
      due_on - ${today}::date as "daysLeft", detail
    from lethe.request where state = any(${states}::text[]) order by due_on, ref`;
  for await (const row of stream(snapshot, query)) {
    const code = row.code ?? (row.state === "held" ? "LEGAL_HOLD" : "UNKNOWN");
    yield { ...row, code, detail: placesOf(row.detail, hintFor(code, row.detail)) };
  }
}

/** Only the members that are known to be places and counts: nothing else from the record may reach a report (I8). */
const placesOf = (detail: RequestDetail | null, hint: string | null): StoppedItem["detail"] => {
  const { store, table, column, constraint, sqlstate, rows, also, matter, measured, wait } = detail ?? {};
  const members = {
    store,
    table,
    column,
    constraint,
    sqlstate,
    rows,
    also,
    matter,
    measured,
    wait,
    hint: hint ?? undefined,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
};
