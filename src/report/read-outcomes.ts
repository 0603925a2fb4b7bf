import { sql, type RawBuilder } from "kysely";
import { outcomes, type Outcome } from "#records/treatment.ts";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { OutcomeItem, StayingColumn, StayItem, StayPlace } from "#report/outcome-document.ts";
import type { ReportHead } from "#report/report-source.ts";
import type { Scope } from "#report/scope.ts";

type Declaring = Pick<Scope, "ids" | "from" | "through">;

/**
 * What the runs declared done, out of the ledger: the report and the entries beside it say the same, even where a request was opened
 * again before the report was written. Of a request that was declared twice, the last; one that was reopened by these runs is not done.
 * `offset` keeps the planner from parsing a body once for every member that is asked of it.
 */
const declared = ({ ids, from, through }: Declaring): RawBuilder<unknown> => sql`
  select latest.index, entry.ref, entry.body
  from (select max(index) as index from lethe.ledger_entry
    where index >= ${from} and index < ${through} and run_id = any(${ids}::text[])
      and kind in ('request.erased', 'request.archived', 'request.reopened')
    group by request_ref) as latest
  cross join lateral (select request_ref as ref, body::jsonb as body from lethe.ledger_entry
    where index = latest.index and kind <> 'request.reopened' offset 0) as entry`;

const staysOf = (body: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`jsonb_array_elements(coalesce(${body} -> 'stays', '[]'::jsonb))`;

/** Open requests that wait for their time, for a person, or have failed, in the store that says so. */
const open = sql`
  select request.ref, coalesce(request.detail ->> 'store', subject.store) as store, request.state as outcome,
    case request.state when 'scheduled' then request.changed_at else coalesce(request.code_since, request.changed_at) end as at,
    case when request.state <> 'scheduled' then request.code end as code,
    case when request.state <> 'scheduled' then request.detail -> 'also' end as also,
    case when request.state = 'scheduled' then request.scheduled_for end as "scheduledFor", request.due_on
  from lethe.request left join lethe.subject
    on request.state = 'scheduled' and subject.request_id = request.id and subject.key is not null
  where request.state in ('scheduled', 'blocked', 'failed')`;

/** How many requests ended how, in all and by store. */
export const readOutcomeCounts = async (snapshot: Snapshot, scope: Declaring): Promise<ReportHead["outcomes"]> => {
  const rows = await all(
    snapshot,
    sql<{ store: string | null; outcome: Outcome; all: boolean; requests: number }>`
      with declared as (${declared(scope)}), open as (${open})
      select store, outcome, grouping(store) = 1 as "all", count(distinct ref) as requests
      from (select ref, done.key as store, done.value as outcome from declared, jsonb_each_text(body -> 'outcomes') as done
        union all select ref, store, outcome from open) as each
      group by grouping sets ((outcome), (store, outcome)) order by store nulls last`,
  );
  const count = (outcome: Outcome): number => rows.find((row) => row.all && row.outcome === outcome)?.requests ?? 0;
  const order = (outcome: Outcome): number => outcomes.indexOf(outcome);
  return {
    requests: Object.fromEntries(outcomes.map((outcome) => [outcome, count(outcome)])) as Record<Outcome, number>,
    stores: rows
      .filter((row) => !row.all)
      .map(({ store, outcome, requests }) => ({ store, outcome, requests }))
      .toSorted((a, b) => (a.store === b.store ? order(a.outcome) - order(b.outcome) : 0)),
  };
};

/** What is done, in the order in which it was declared, then what is open, the most urgent first. */
export async function* readOutcomes(snapshot: Snapshot, scope: Declaring): AsyncGenerator<OutcomeItem> {
  const done = sql<Omit<OutcomeItem, "codes" | "scheduledFor">>`
    with declared as (${declared(scope)})
    select ref, done.key as store, done.value as outcome, body ->> 'at' as at, stays.left, stays.until
    from declared, jsonb_each_text(body -> 'outcomes') as done, lateral (
      select count(*) as left, case when bool_and(stay.value ->> 'until' is not null) then max(stay.value ->> 'until') end as until
      from ${staysOf(sql`body`)} as stay where stay.value ->> 'store' = done.key) as stays
    order by index, store`;
  for await (const { left, until, ...row } of stream(snapshot, done)) {
    yield { ...row, codes: [], scheduledFor: null, left, until };
  }
  type OpenRow = Omit<OutcomeItem, "codes" | "left" | "until"> & { code: string | null; also: string[] | null };
  const waiting = sql<OpenRow>`select ref, store, outcome, at, code, also, "scheduledFor" from (${open}) as open
    order by due_on, ref, store`;
  for await (const { code, also, scheduledFor, ...row } of stream(snapshot, waiting)) {
    yield { ...row, codes: code === null ? [] : [code, ...(also ?? [])], scheduledFor, left: null, until: null };
  }
}

/** Personal data that stays by place and reason, over all requests that the runs declared done. */
export const readStayPlaces = (snapshot: Snapshot, scope: Declaring): Promise<StayPlace[]> =>
  all(
    snapshot,
    sql<StayPlace>`
      with declared as (${declared(scope)}), stay as (
        select value ->> 'store' as store, value ->> 'table' as table, value ->> 'column' as column,
          (value ->> 'rows')::bigint as rows, value ->> 'why' as why, value ->> 'until' as until
        from declared, ${staysOf(sql`body`)})
      select store, stay.table, stay.column, sum(rows)::bigint as rows, why,
        case when bool_and(until is not null) then max(until) end as until, count(*) as requests
      from stay group by store, stay.table, stay.column, why order by store, stay.table, stay.column, why`,
  );

/** An entry can list hundreds of columns. */
const entriesPerFetch = 200;

/** Personal data that stays, by request and store. */
export async function* readStays(snapshot: Snapshot, scope: Declaring): AsyncGenerator<StayItem> {
  const query = sql<{ ref: string; stays: readonly (StayingColumn & { store: string })[] }>`
    select ref, body -> 'stays' as stays from (${declared(scope)}) as declared
    where jsonb_array_length(coalesce(body -> 'stays', '[]'::jsonb)) > 0 order by index`;
  for await (const { ref, stays } of stream(snapshot, query, entriesPerFetch)) {
    for (const [store, columns] of Map.groupBy(stays, (stay) => stay.store)) {
      yield {
        ref,
        store,
        columns: columns.map(({ table, column, rows, why, until }) => ({ table, column, rows, why, until })),
      };
    }
  }
}
