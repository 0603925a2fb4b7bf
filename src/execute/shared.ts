import { sql } from "kysely";
import type { Context } from "#context.ts";
import { streamRows } from "#db/chunks.ts";
import { due } from "#execute/claims.ts";
import type { Elsewhere, Wanted } from "#scope/locate.ts";

/**
 * What was found in a store leads into the others once it is known that nobody else there bears it: `several` tells of which values that is not
 * so. They are kept all the same, for redaction and for the search.
 */
export const settleShared = async (
  ctx: Context,
  store: string,
  several: (found: AsyncIterable<Wanted>) => AsyncIterable<readonly Elsewhere[]>,
): Promise<void> => {
  const asked = new Set<number>();
  const shared: Elsewhere[] = [];
  for await (const rows of several(presumed(ctx, store, asked))) shared.push(...rows);
  if (asked.size === 0) return;
  await sql`update lethe.subject_identifier i set shared = false
    where i.store = ${store} and i.shared and i.request_id = any (${[...asked]}::bigint[])
      and (i.request_id, i.kind, i.value) not in (select p.request, p.kind, p.value
        from jsonb_to_recordset(${JSON.stringify(shared)}::jsonb) as p (request bigint, kind text, value text))`.execute(
    ctx.state.db,
  );
};

/** What is not known to be theirs alone; notes of which requests it is. */
async function* presumed(ctx: Context, store: string, asked: Set<number>): AsyncGenerator<Wanted> {
  const query = sql<Wanted>`select i.request_id as request, i.kind, i.value from lethe.subject_identifier i
    join lethe.request r on r.id = i.request_id
    where i.store = ${store} and i.shared and i.kind not in ('name', 'key') and ${due(ctx, store)}`;
  for await (const rows of streamRows(ctx.state.pool, query.compile(ctx.state.db))) {
    for (const { request } of rows) asked.add(request);
    yield* rows;
  }
}
