import { createHash } from "node:crypto";
import { sql, type RawBuilder } from "kysely";
import type { StoreSession } from "#execute/store-session.ts";
import type { Edge, Shape } from "#records/plan.ts";
import { and, bearsMark, column, same, tableName } from "#scope/sql.ts";

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
export const guardFunction = async (
  { db }: StoreSession,
  { root, deletion }: Shape,
  table: string,
  edges: readonly Edge[],
): Promise<RawBuilder<unknown>> => {
  const marked = bearsMark(deletion.mark, "s");
  const checks: RawBuilder<unknown>[] = [];
  for (const edge of edges) {
    const named = await namesSubject(db, edge);
    // Programs that save a row write its columns all, the unchanged ones, too.
    checks.push(sql`if tg_op = 'INSERT' or ${image(edge, "new")} *<> ${image(edge, "old")} then
    perform from ${tableName(root.table)} s where ${named} for share;
    perform from ${tableName(root.table)} s where ${named} and ${marked};
    if found then
      raise exception using errcode = 'integrity_constraint_violation', table = ${sql.lit(table)}, constraint = ${sql.lit(refusal)},
        message = ${sql.lit(`${table} takes no new row for a subject that is marked as deleted`)},
        hint = 'reactivate the subject first';
    end if;
    end if;`);
  }
  const body = sql`begin ${sql.join(checks, sql` `)} return null; end`.compile(db).sql;
  return sql`create or replace function ${sql.id("lethe", guardFunctionName(table))}() returns trigger language plpgsql
    security definer set search_path = pg_catalog, pg_temp as ${sql.lit(body)}`;
};

/** The row refers to the subject `s`. A function's body takes no parameters. */
const namesSubject = async (db: StoreSession["db"], edge: Edge): Promise<RawBuilder<unknown>> => {
  const columns: RawBuilder<unknown>[] = [];
  for (const [index, name] of edge.columns.entries()) {
    const to = edge.to.columns[index] ?? "";
    const [own, root] = [column("new", name), column("s", to)];
    const equals =
      edge.asText === undefined
        ? await ownEquality(db, { table: edge.table, name }, { table: edge.to.table, name: to })
        : undefined;
    columns.push(equals === undefined ? same(edge, own, root) : sql`${own} ${equals} ${root}`);
  }
  const applies = Object.entries(edge.where).map(
    ([name, value]) => sql`${column("new", name)}::text = ${sql.lit(value)}`,
  );
  return and([...columns, ...applies]);
};

/**
 * What compares two columns whose type is not PostgreSQL's own, such as citext, with its schema: the function's search path leads only
 * where nobody else may create anything, and there `=` would compare the two as text. It is the one that an index of the type compares
 * with: only a superuser can say which that is.
 */
const ownEquality = async (
  db: StoreSession["db"],
  ...columns: readonly { readonly table: string; readonly name: string }[]
): Promise<RawBuilder<unknown> | undefined> => {
  const sides = columns.map(
    ({ table, name }, side) => sql`(${side}::int, ${tableName(table).compile(db).sql}::regclass, ${name})`,
  );
  const { rows } = await sql<{ schema: string; operator: string }>`
    with recursive type (side, oid) as (
      select s.side, a.atttypid from (values ${sql.join(sides)}) s (side, relation, name)
        join pg_attribute a on a.attrelid = s.relation and a.attname = s.name
      union all
      select t.side, d.typbasetype from type t join pg_type d on d.oid = t.oid where d.typtype = 'd')
    select n.nspname as schema, o.oprname as operator
    from pg_opclass c join pg_am m on m.oid = c.opcmethod and m.amname = 'btree'
      join pg_amop e on e.amopfamily = c.opcfamily and e.amoplefttype = c.opcintype and e.amoprighttype = c.opcintype
        and e.amopstrategy = ${equalInTrees}
      join pg_operator o on o.oid = e.amopopr join pg_namespace n on n.oid = o.oprnamespace
    where c.opcdefault and n.nspname <> 'pg_catalog'
      and (select count(distinct side) from type where oid = c.opcintype) = ${columns.length}`.execute(db);
  const [found] = rows;
  return found && sql`operator(${sql.id(found.schema)}.${sql.raw(found.operator)})`;
};

/** The number of equality among the operators of a B-tree. */
const equalInTrees = 3;

/** As a record, whose bytes can be compared whatever operators its columns' types have. */
const image = (edge: Edge, alias: string): RawBuilder<unknown> =>
  sql`row(${sql.join(watched(edge).map((name) => column(alias, name)))})::record`;
