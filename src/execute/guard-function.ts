import { createHash } from "node:crypto";
import { sql, type RawBuilder } from "kysely";
import type { StoreSession } from "#execute/store-session.ts";
import type { Edge, Shape } from "#records/plan.ts";
import { and, bearsMark, column, refers, tableName } from "#scope/sql.ts";

/** The triggers' name, and what a refusal gives as its constraint. */
export const refusal = "lethe_refuse";

export const guardFunctionName = (table: string): string =>
  `refuse_${createHash("sha256").update(table).digest("hex").slice(0, 16)}`;

/** The columns that say whose a row is. */
const watched = ({ columns, where }: Edge): readonly string[] => [...columns, ...Object.keys(where)];

/**
 * Refuses a row that is stored for a marked subject. It locks the subject's row before it looks at the mark, marked or not: it waits for
 * whoever is marking it, and whoever is about to waits for the new row's transaction. Only a statement of its own sees a mark that was
 * waited for; in a transaction on one snapshot the lock itself fails (40001) when the row has changed since.
 */
export const guardFunction = (
  { db }: StoreSession,
  { root, deletion }: Shape,
  table: string,
  edges: readonly Edge[],
): RawBuilder<unknown> => {
  const marked = bearsMark(deletion.mark, "s");
  const checks = edges.map((edge) => {
    // A function's body takes no parameters.
    const applies = Object.entries(edge.where).map(
      ([name, value]) => sql`${column("new", name)}::text = ${sql.lit(value)}`,
    );
    const named = and([refers({ ...edge, where: {} }, "new", "s"), ...applies]);
    // Programs that save a row write its columns all, the unchanged ones, too.
    return sql`if tg_op = 'INSERT' or ${image(edge, "new")} *<> ${image(edge, "old")} then
    perform from ${tableName(root.table)} s where ${named} for share;
    perform from ${tableName(root.table)} s where ${named} and ${marked};
    if found then
      raise exception using errcode = 'integrity_constraint_violation', table = ${sql.lit(table)}, constraint = ${sql.lit(refusal)},
        message = ${sql.lit(`${table} takes no new row for a subject that is marked as deleted`)},
        hint = 'reactivate the subject first';
    end if;
    end if;`;
  });
  const body = sql`begin ${sql.join(checks, sql` `)} return null; end`.compile(db).sql;
  return sql`create or replace function ${sql.id("lethe", guardFunctionName(table))}() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp as ${sql.lit(body)}`;
};

/** As a record, whose bytes can be compared whatever operators its columns' types have. */
const image = (edge: Edge, alias: string): RawBuilder<unknown> =>
  sql`row(${sql.join(watched(edge).map((name) => column(alias, name)))})::record`;
