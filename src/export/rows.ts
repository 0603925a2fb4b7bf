import { sql, type Kysely, type RawBuilder } from "kysely";
import type pg from "pg";
import { inChunks } from "#db/chunks.ts";
import type { Shape } from "#records/plan.ts";
import { sameRow, scopeTable, subjects, tableName } from "#scope/sql.ts";

/** What begins a subject: how many rows follow in which scope, as JSON by its position in the shape. */
export type SubjectStart = {
  readonly request: number;
  readonly position: -1;
  readonly ref: string;
  readonly counts: string;
};

/** A row of the subject that was begun last, as JSON; null when it is not there any more, which the snapshot forbids. */
export type SubjectRow = { readonly request: number; readonly position: number; readonly row: string | null };

/** A row may be as wide as an attachment: few at a time, so that memory holds few. */
const rowsAtOnce = 25;

/**
 * Everything in the batch's scope tables that is not spared, subject by subject and table by table, through one cursor in the
 * caller's transaction: a `SubjectStart`, then as many `SubjectRow`s as it announces.
 *
 * Only references, positions and places are sorted. The rows themselves are looked up one by one as the cursor comes to them: a sort
 * that outgrows the server's memory would write them to its temporary files, where what we erase would outlive us.
 */
export async function* exportRows(
  client: pg.PoolClient,
  db: Kysely<unknown>,
  shape: Shape,
): AsyncGenerator<SubjectStart | SubjectRow> {
  const compiled = exportQuery(shape).compile(db);
  for await (const rows of inChunks(client, compiled, rowsAtOnce)) yield* rows;
}

const exportQuery = (shape: Shape) => {
  // A scope table is the session's own and does not change until the batch does: the place of an entry in it finds the entry again.
  const entries = shape.scopes.map(
    ({ table }, position) => sql`select s.request, ${sql.lit(position)} as position, s.ctid as place
      from ${scopeTable(shape, table)} s where not s.spared`,
  );
  return sql<SubjectStart | SubjectRow>`
    with entry as materialized (${sql.join(entries, sql` union all `)}),
    counted as (select request, json_object_agg(position, rows)::text as counts
      from (select request, position, count(*) as rows from entry group by request, position) c group by request)
    select e.request, e.position, e.ref, e.counts, case e.position ${sql.join(lookUps(shape), sql` `)} end as row
    from (select u.request, -1 as position, null::tid as place, u.ref, coalesce(c.counts, '{}') as counts
        from ${subjects} u left join counted c on c.request = u.request
      union all select request, position, place, null, null from entry
      order by request, position, place offset 0) e
    order by e.request, e.position, e.place`;
};

// Not `row_to_json(t)`, which is a column where the table has one of that name.
const lookUps = (shape: Shape): RawBuilder<unknown>[] =>
  shape.scopes.map(
    (scope, position) => sql`when ${sql.lit(position)} then (select row_to_json(t.*)::text
      from ${scopeTable(shape, scope.table)} s join ${tableName(scope.table)} t on ${sameRow(scope, "t", "s")} where s.ctid = e.place)`,
  );
