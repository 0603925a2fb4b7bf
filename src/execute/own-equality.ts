import { sql, type RawBuilder } from "kysely";
import type { StoreSession } from "#execute/store-session.ts";
import { tableName } from "#scope/sql.ts";

/** A column of a store, as a guard compares it. */
export type ComparedColumn = { readonly table: string; readonly name: string };

/**
 * What compares two columns whose type is not PostgreSQL's own, such as citext, with its schema: the function's search path leads only
 * where nobody else may create anything, and there `=` would compare the two as text. It is the one that an index of the type compares
 * with: only a superuser can say which that is.
 */
export const ownEquality = async (
  db: StoreSession["db"],
  ...columns: readonly ComparedColumn[]
): Promise<RawBuilder<unknown> | undefined> => {
  const { rows } = await sql<{ schema: string; operator: string }>`
    with recursive ${types(db, columns)}
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

/** The column's type with its schema, for the same search path; of a domain, what it is made of: a domain's checks would run with our rights. */
export const baseType = async (db: StoreSession["db"], compared: ComparedColumn): Promise<RawBuilder<unknown>> => {
  const { rows } = await sql<{ schema: string; name: string }>`with recursive ${types(db, [compared])}
    select n.nspname as schema, b.typname as name from type t join pg_type b on b.oid = t.oid and b.typtype <> 'd'
      join pg_namespace n on n.oid = b.typnamespace`.execute(db);
  const [found] = rows;
  if (found === undefined) throw new TypeError("the column has no type");
  return sql.id(found.schema, found.name);
};

/** `type (side, oid)`: of each column its type and, where that is a domain, the types that it is made of. */
const types = (db: StoreSession["db"], columns: readonly ComparedColumn[]): RawBuilder<unknown> => {
  const sides = columns.map(
    ({ table, name }, side) => sql`(${side}::int, ${tableName(table).compile(db).sql}::regclass, ${name})`,
  );
  return sql`type (side, oid) as (
      select s.side, a.atttypid from (values ${sql.join(sides)}) s (side, relation, name)
        join pg_attribute a on a.attrelid = s.relation and a.attname = s.name
      union all
      select t.side, d.typbasetype from type t join pg_type d on d.oid = t.oid where d.typtype = 'd')`;
};

/** The number of equality among the operators of a B-tree. */
const equalInTrees = 3;
