import { sql } from "kysely";
import type { Context, Store } from "#context.ts";
import type { Claimed } from "#execute/claims.ts";
import type { TooFew } from "#execute/too-few.ts";
import { stopRequests } from "#execute/stops.ts";
import type { Work } from "#night/erasure.ts";

/** Erases a page of claims as one batch. */
export type Erase = (work: Work, claims: readonly Claimed[]) => Promise<unknown>;

/**
 * Who has to wait for company (requirement D6) is not told so before the night has done what it can: they may be each other's, and were only in
 * different batches. They are noted in Lethe's own database, not in memory, and nobody is stopped yet.
 */
export const gather = async (
  { ctx, session: { store } }: Pick<Work, "ctx" | "session">,
  tooFew: readonly TooFew[],
  round = 0,
): Promise<void> => {
  const rows = tooFew.map(({ request, code, class: of, detail }) => ({
    request,
    code,
    class: of,
    detail: { store: store.name, ...detail },
  }));
  await sql`insert into lethe.gathered (request_id, store, round, class, code, detail)
    select request, ${store.name}, ${round}, class, code, detail
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as x (request bigint, class int, code text, detail jsonb)
    on conflict (request_id, store) do update set round = excluded.round, class = excluded.class, code = excluded.code, detail = excluded.detail`.execute(
    ctx.state.db,
  );
};

/** What a run that died has left: its requests are tried anew, with everybody else. */
export const forgetGathered = (ctx: Context, { name }: Store): Promise<unknown> =>
  sql`delete from lethe.gathered where store = ${name}`.execute(ctx.state.db);

/**
 * Tries those who were gathered once more, together: as many at a time as a batch holds, those of one class beside each other. Again as long as
 * there are more than that, and some of them go.
 */
export const eraseTogether = async (work: Work, erase: Erase): Promise<void> => {
  const { ctx, session } = work;
  const { name, config } = session.store;
  for (let round = 0; !ctx.signal.aborted; round += 1) {
    const before = await countGathered(ctx, name);
    if (before === 0) return;
    const next: Work = { ...work, tooFew: (found) => gather(work, found, round + 1) };
    for (;;) {
      const claims = ctx.signal.aborted ? [] : await takeGathered(ctx, session.store, sql`round <= ${round}`);
      if (claims.length === 0) break;
      await erase(next, claims);
    }
    if (before <= config.batch || (await countGathered(ctx, name)) === before) return;
  }
};

/** Whoever is left waits: for the next night, or for whoever else asks until then. */
export const stopGathered = async ({ ctx, run, session }: Work): Promise<void> => {
  const { name, config } = session.store;
  for (;;) {
    const { rows } = await sql<Parameters<typeof stopRequests>[3][number]>`
      select request_id as request, code, detail from lethe.gathered where store = ${name} order by request_id limit ${config.batch}`.execute(
      ctx.state.db,
    );
    if (rows.length === 0) return;
    await stopRequests(ctx, run, "failed", rows);
    await sql`delete from lethe.gathered where store = ${name} and request_id = any (${rows.map(({ request }) => request)}::bigint[])`.execute(
      ctx.state.db,
    );
  }
};

const countGathered = async (ctx: Context, store: string): Promise<number> => {
  const { rows } = await sql<{
    count: number;
  }>`select count(*) as count from lethe.gathered where store = ${store}`.execute(ctx.state.db);
  return rows[0]?.count ?? 0;
};

/** With the table in whose rows they would be recognised. */
export type Gathered = Claimed & { readonly table: string };

/**
 * Classes that fit into a batch as a whole, or as much as fits of one that is larger; out of the list, to which those come back who still are too
 * few. A crash in between leaves them as they were before the night.
 */
export const takeGathered = async (
  ctx: Context,
  { name, config }: Store,
  which: ReturnType<typeof sql>,
): Promise<readonly Gathered[]> => {
  const { rows } = await sql<Gathered>`with taken as (
      delete from lethe.gathered where store = ${name} and request_id in (
        select request_id from (
          select request_id, class, count(*) over (order by class) as upto, class = min(class) over () as is_first
          from lethe.gathered where store = ${name} and ${which}) g
        where upto <= ${config.batch} or is_first order by class, request_id limit ${config.batch}) returning request_id, class, detail)
    select r.id as request, r.ref, r.state, s.key, taken.detail ->> 'table' as "table" from taken join lethe.request r on r.id = taken.request_id
      join lethe.subject s on s.request_id = r.id and s.store = ${name} and s.state = 'located'
    order by class, r.id`.execute(ctx.state.db);
  return rows;
};
