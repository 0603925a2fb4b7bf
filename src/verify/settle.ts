import { sql } from "kysely";
import { everyStore, type Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { ofThisWork } from "#db/of-this-work.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";
import { passingCodes } from "#records/request.ts";
import type { Residual } from "#records/treatment.ts";
import type { Run } from "#records/run.ts";
import type { Hit } from "#verify/search.ts";
import type { Sought, SoughtKey } from "#verify/sought.ts";

/**
 * Executed in some store and waiting in none, or searched before and found wanting. Approving the latter again asks for another search. What
 * kept it from one store may have gone together with the person's row there, and by another request for the same person.
 */
const executed = (ctx: Pick<Context, "restore">) => sql`
  (${ofThisWork(ctx)} and (r.state in ('erasing', 'approved', 'scheduled', 'blocked') or (r.state = 'failed' and r.code in (${sql.join(["RESIDUAL", ...passingCodes].map((code) => sql.lit(code)))})))
  and exists (select from lethe.subject s where s.request_id = r.id and s.state = 'executed')
  and not exists (select from lethe.subject s where s.request_id = r.id and s.state = 'located'))`;

/** Executed in every store that holds the subject. A store that could not be looked into (down, or not covered) may hold it. */
export const ready = (ctx: Context) => sql`
  (${executed(ctx)} and (select count(*) from lethe.subject s
    where s.request_id = r.id and s.store = any (${everyStore(ctx).map(({ name }) => name)}::text[])) = ${everyStore(ctx).length})`;

/** How many requests may be verified, once every store has been looked into. */
export const countReady = async (ctx: Context): Promise<number> => {
  const result = await sql<{ count: number }>`select count(*) from lethe.request r where ${executed(ctx)}`.execute(
    ctx.state.db,
  );
  return result.rows[0]?.count ?? 0;
};

/** Every identifier of the requests that wait, as requested and as found; names are not searched for, others bear them too. */
export async function* soughtIdentifiers(ctx: Context): AsyncGenerator<Sought> {
  const query = sql<Sought>`
    select r.id as request, i.kind, i.value from lethe.request r join lethe.request_identifier i on i.request_id = r.id where ${ready(ctx)}
    union
    select r.id, i.kind, i.value from lethe.request r join lethe.subject_identifier i on i.request_id = r.id
    where i.kind <> 'name' and ${ready(ctx)}`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}

/** The keys of the subjects' root rows; null for one whose row was there once and has not been found again. */
export async function* soughtKeys(ctx: Context, store: string): AsyncGenerator<SoughtKey> {
  const query = sql<SoughtKey>`select s.request_id as request, s.key from lethe.subject s join lethe.request r on r.id = s.request_id
    where s.store = ${store} and ${ready(ctx)} and (s.key is not null
      or exists (select from lethe.identity k where k.request_id = s.request_id and k.store = s.store))`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}

/** Tables of a store in which rows of the waiting requests were anonymised. */
export const anonymisedTables = async (ctx: Context, store: string): Promise<ReadonlySet<string>> => {
  const result = await sql<{ table_name: string }>`select distinct d.table_name from lethe.disposition d
    join lethe.request r on r.id = d.request_id
    where d.store = ${store} and d.rows > 0 and (d.treatment = 'anonymise' or exists (select from lethe.late l
      where (l.request_id, l.store, l.table_name) = (d.request_id, d.store, d.table_name))) and ${executed(ctx)}`.execute(
    ctx.state.db,
  );
  return new Set(result.rows.map((row) => row.table_name));
};

/** Requests of which something was found fail with the places (I7); the rows of the run say where, never what. */
export const failResiduals = async (
  ctx: Context,
  run: Run,
  hits: readonly (Hit & { readonly store: string })[],
): Promise<number> => {
  if (hits.length === 0) return 0;
  const at = ctx.clock.now();
  return ctx.state.db.transaction().execute(async (tx) => {
    await sql`insert into lethe.residual (run_id, request_id, store, table_name, column_name, rows)
      select ${run.id}, request, store, "table", "column", rows
      from jsonb_to_recordset(${JSON.stringify(hits)}::jsonb) as x (request bigint, store text, "table" text, "column" text, rows bigint)
      on conflict do nothing`.execute(tx);
    const failed = await sql<{ id: number; ref: string }>`
      update lethe.request r set state = 'failed', code = 'RESIDUAL', changed_at = ${at.toString()}, run_id = ${run.id},
        code_since = case when r.code = 'RESIDUAL' then r.code_since else ${at.toString()} end,
        detail = (select jsonb_build_object('store', x.store, 'table', x.table_name, 'column', x.column_name, 'rows', x.rows,
            'hint', 'clean the column by hand, and let the policy treat it for those who come next; searched for again every night')
          from lethe.residual x where x.run_id = ${run.id} and x.request_id = r.id order by x.store, x.table_name, x.column_name limit 1)
      where ${ready(ctx)} and r.id in (select request_id from lethe.residual where run_id = ${run.id})
      returning r.id, r.ref`.execute(tx);
    const byRequest = Map.groupBy(hits, (hit) => hit.request);
    const events = failed.rows.map(({ id, ref }): LedgerEvent => {
      const residuals = (byRequest.get(id) ?? []).map((hit): Residual => ({
        request: ref,
        store: hit.store,
        table: hit.table,
        column: hit.column,
        rows: hit.rows,
      }));
      const [first] = residuals;
      return {
        kind: "request.failed",
        request: ref,
        code: "RESIDUAL",
        detail: { ...(first && { store: first.store, table: first.table, column: first.column, rows: first.rows }) },
        residuals,
      };
    });
    await appendEntries(tx, events, { at, run: run.id });
    return failed.rows.length;
  });
};
