import { createHmac } from "node:crypto";
import { sql, type Kysely } from "kysely";
import type { Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import type { StateDb } from "#db/state-schema.ts";
import { appendEntries } from "#ledger/append.ts";
import { dayIn } from "#lib/clock.ts";
import { faultPoint } from "#lib/fault.ts";
import type { LedgerEvent } from "#records/entry.ts";
import type { Disposition, Residual } from "#records/treatment.ts";
import type { Run } from "#records/run.ts";
import type { Hit } from "#verify/search.ts";
import type { Sought, SoughtKey } from "#verify/sought.ts";

/** Executed in some store and waiting in none, or searched before and found wanting. Approving the latter again asks for another search. */
const executed = sql`
  (r.state in ('erasing', 'approved') or (r.state = 'failed' and r.code = 'RESIDUAL'))
  and exists (select from lethe.subject s where s.request_id = r.id and s.state = 'executed')
  and not exists (select from lethe.subject s where s.request_id = r.id and s.state = 'located')`;

/** Executed in every store that holds the subject. A store that could not be looked into (down, or not covered) may hold it. */
const ready = ({ stores }: Context) => sql`
  (${executed} and (select count(*) from lethe.subject s
    where s.request_id = r.id and s.store = any (${stores.map(({ name }) => name)}::text[])) = ${stores.length})`;

/** How many requests may be verified, once every store has been looked into. */
export const countReady = async (db: Kysely<StateDb>): Promise<number> => {
  const result = await sql<{ count: number }>`select count(*) from lethe.request r where ${executed}`.execute(db);
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

export async function* soughtKeys(ctx: Context, store: string): AsyncGenerator<SoughtKey> {
  const query = sql<SoughtKey>`select s.request_id as request, s.key from lethe.subject s join lethe.request r on r.id = s.request_id
    where s.store = ${store} and s.key is not null and ${ready(ctx)}`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) yield* rows;
}

/** Tables of a store in which rows of the waiting requests were anonymised. */
export const anonymisedTables = async (db: Kysely<StateDb>, store: string): Promise<ReadonlySet<string>> => {
  const result = await sql<{ table_name: string }>`select distinct d.table_name from lethe.disposition d
    join lethe.request r on r.id = d.request_id
    where d.store = ${store} and d.treatment = 'anonymise' and d.rows > 0 and ${executed}`.execute(db);
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

type Erased = { id: number; ref: string; dispositions: Disposition[] | null };

/**
 * Declares erased what was searched for and not found, in chunks of one transaction each. With the state go the identifiers:
 * suppression entries (keyed hashes, B5) take their place until the last backup is gone (I8).
 */
export const declareErased = async (ctx: Context, run: Run, chunk = 1_000): Promise<number> => {
  let total = 0;
  for (;;) {
    const count = await ctx.state.db.transaction().execute((tx) => declareChunk(ctx, run, tx, chunk));
    total += count;
    if (count === 0) break;
    faultPoint("after-verified-recorded");
  }
  return total;
};

const declareChunk = async (ctx: Context, run: Run, tx: Kysely<StateDb>, limit: number): Promise<number> => {
  const at = ctx.clock.now();
  // Those that failed in this run stay failed; those that failed before were searched for again and are clean now.
  const clean = await sql<Erased>`
    select r.id, r.ref, (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('store', d.store, 'table', d.table_name, 'treatment', d.treatment,
        'rows', d.rows, 'spared', d.spared, 'basis', d.basis,
        'until', case when d.until_first is not null then jsonb_build_object('first', d.until_first, 'last', d.until_last) end))
        order by d.store, d.table_name) from lethe.disposition d where d.request_id = r.id) as dispositions
    from lethe.request r
    where ${ready(ctx)} and not exists (select from lethe.residual x where x.run_id = ${run.id} and x.request_id = r.id)
    order by r.id limit ${limit} for update of r`.execute(tx);
  if (clean.rows.length === 0) return 0;
  const ids = clean.rows.map(({ id }) => id);
  const keep = Math.max(0, ...ctx.config.backups.map((backup) => backup.keepDays));
  const clear =
    ctx.config.backups.length === 0 ? null : dayIn(at, ctx.config.controller.timeZone).add({ days: keep }).toString();
  await suppress(ctx, tx, ids, at.toString(), clear);
  await sql`update lethe.request set state = 'erased', erased_at = ${at.toString()}, changed_at = ${at.toString()}, backups_clear_on = ${clear}::date,
    code = null, code_since = null, detail = null, run_id = ${run.id} where id = any (${ids}::bigint[])`.execute(tx);
  for (const table of ["subject_identifier", "subject", "request_identifier"]) {
    await sql`delete from ${sql.id("lethe", table)} where request_id = any (${ids}::bigint[])`.execute(tx);
  }
  const events = clean.rows.map(({ ref, dispositions }): LedgerEvent => ({
    kind: "request.erased",
    request: ref,
    clear,
    dispositions: dispositions ?? [],
  }));
  await appendEntries(tx, events, { at, run: run.id });
  return ids.length;
};

/** B5: `HMAC-SHA256(key, kind:identifier)` with key id, scope and expiry, in every store that has backups; nothing else. */
const suppress = async (
  ctx: Context,
  tx: Kysely<StateDb>,
  ids: readonly number[],
  at: string,
  clear: string | null,
): Promise<void> => {
  const stores = [...new Set(ctx.config.backups.map((backup) => backup.store))];
  if (stores.length === 0 || clear === null) return;
  const named = await sql<{ kind: string; value: string }>`
    select kind, value from lethe.request_identifier where request_id = any (${[...ids]}::bigint[])
    union select kind, value from lethe.subject_identifier where kind <> 'name' and request_id = any (${[...ids]}::bigint[])
    union select 'key@' || store, key from lethe.subject where key is not null and request_id = any (${[...ids]}::bigint[])`.execute(
    tx,
  );
  const macs = named.rows.map(({ kind, value }) =>
    createHmac("sha256", ctx.keys.pseudonym).update(`${kind}:${value}`).digest(),
  );
  await sql`insert into lethe.suppression (mac, key_id, store, erased_at, expires_on)
    select mac, ${ctx.keys.pseudonymId}, store, ${at}, ${clear}::date
    from unnest(${macs}::bytea[]) mac cross join unnest(${stores}::text[]) store on conflict do nothing`.execute(tx);
};
