import { sql, type RawBuilder } from "kysely";
import { all, stream, type Snapshot } from "#report/cursor.ts";
import type { DispositionItem, ResidualItem, RetainedItem } from "#report/report-document.ts";
import type { ReportTotals } from "#report/report-source.ts";
import type { Scope } from "#report/scope.ts";

type Row = Omit<DispositionItem, "until"> & { first: string | null; last: string | null };

const untilOf = (first: string | null, last: string | null): DispositionItem["until"] =>
  first === null || last === null ? null : { first, last };

/**
 * A request that goes in parts has a disposition for each night. Each counts the rows that it changed; the rows that were spared are the same every
 * time, and so is the request.
 */
const disposed = ({ ids }: Scope): RawBuilder<unknown> => sql`
  select store, table_name, treatment, basis, exception, sum(rows)::bigint as rows, max(spared) as spared,
    min(until_first) as first, max(until_last) as last
  from lethe.disposition where run_id = any(${ids}::text[])
  group by request_id, store, table_name, treatment, basis, exception`;

/** What became of the records, per store, table, treatment, legal basis and exception, and of how many requests they are. */
export async function* readDispositions(snapshot: Snapshot, scope: Scope): AsyncGenerator<DispositionItem> {
  const query = sql<Row>`
    select store, table_name as table, treatment, sum(rows)::bigint as rows, sum(spared)::bigint as spared,
      count(*) as requests, basis, min(first) as first, max(last) as last, exception
    from (${disposed(scope)}) as disposed
    group by store, table_name, treatment, basis, exception order by store, table_name, treatment, basis, exception`;
  for await (const { first, last, exception, ...row } of stream(snapshot, query))
    yield { ...row, until: untilOf(first, last), exception };
}

/** What stays, under which legal basis, until when, and by which exception. */
export async function* readRetained(snapshot: Snapshot, scope: Scope): AsyncGenerator<RetainedItem> {
  for await (const { treatment, spared: _, ...row } of readDispositions(snapshot, scope)) {
    if (treatment === "retain" && row.rows > 0) yield row;
  }
}

/**
 * Where the search of these runs found personal data. It is still there as far as anybody knows while the request is failed and the latest search
 * for it, by whichever run, has found it there again.
 */
const residuals = ({ ids }: Scope): RawBuilder<ResidualItem> => sql<ResidualItem>`
  with latest as (
    select request_id, max(run_id) as run_id from lethe.residual
    where request_id in (select request_id from lethe.residual where run_id = any(${ids}::text[])) group by request_id)
  select request.ref, residual.store, residual.table_name as table, residual.column_name as column,
    max(residual.rows) filter (where residual.run_id = any(${ids}::text[])) as rows,
    request.state = 'failed' and bool_or(residual.run_id = latest.run_id) as open
  from latest join lethe.residual using (request_id) join lethe.request on request.id = request_id
  group by request.id, residual.store, residual.table_name, residual.column_name
  having bool_or(residual.run_id = any(${ids}::text[])) order by 1, 2, 3, 4`;

export async function* readResiduals(snapshot: Snapshot, scope: Scope): AsyncGenerator<ResidualItem> {
  yield* stream(snapshot, residuals(scope));
}

type Totals = Pick<ReportTotals, "erased" | "anonymised" | "retained" | "spared" | "residuals">;

export const readTotals = async (snapshot: Snapshot, scope: Scope): Promise<Totals> => {
  const [totals] = await all(
    snapshot,
    sql<Totals>`
      select coalesce(sum(rows) filter (where treatment = 'erase'), 0)::bigint as erased,
        coalesce(sum(rows) filter (where treatment = 'anonymise'), 0)::bigint as anonymised,
        coalesce(sum(rows) filter (where treatment = 'retain'), 0)::bigint as retained,
        coalesce(sum(spared), 0)::bigint as spared,
        (select count(*) from (${residuals(scope)}) as residual where open) as residuals
      from (${disposed(scope)}) as disposed`,
  );
  return totals ?? { erased: 0, anonymised: 0, retained: 0, spared: 0, residuals: 0 };
};
