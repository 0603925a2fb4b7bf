import type { CatalogColumn, CatalogTable, Trigger } from "#catalog/catalog.ts";

/**
 * Relations in scope, `$1` being the schema names (empty: all of the user's). Partitions are reached through their root. Only the
 * first query asks for them: `$1` of the others is what it found, as planning this condition nine times takes longer than all of the reading.
 */
const scope = `
  select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.reltuples
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where (c.relkind in ('r', 'p', 'v') or c.relkind = 'm' and c.relispopulated) and not c.relispartition and c.relpersistence <> 't'
    and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'lethe')
    and (cardinality($1::text[]) = 0 or n.nspname = any ($1))
    -- what an extension brings along is not the company's data
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`;

export type RelationRow = {
  oid: number;
  schema: string;
  relation: string;
  kind: CatalogTable["kind"];
  row_security: boolean;
  refreshable: boolean;
  analysable: boolean;
  triggerable: boolean;
  estimated_rows: number;
};

/** The owner may, and from PostgreSQL 17 on whoever holds MAINTAIN. */
const maintains = `(pg_has_role(c.relowner, 'usage')
      or case when current_setting('server_version_num')::int >= 170000
              then has_table_privilege(s.oid, 'maintain') else false end)`;

/** Before PostgreSQL 17: the functions that `lethe init` prints do it in the owner's name. */
const executes = (signature: string): string =>
  `coalesce(has_function_privilege(to_regprocedure('${signature}'), 'execute'), false)`;

export const relations = `
  with scope as (${scope})
  select s.oid::int8 as oid, s.nspname as schema, s.relname as relation,
    case s.relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view' else 'materialised-view' end as kind,
    s.relrowsecurity and row_security_active(s.oid) as row_security,
    s.relkind = 'm' and (${maintains} or ${executes("lethe.refresh_view(regclass)")}) as refreshable,
    ${maintains}
      or pg_has_role((select datdba from pg_database where datname = current_database()), 'usage')
      or ${executes("lethe.analyze_table(regclass)")}
        and (has_table_privilege(s.oid, 'delete') or has_any_column_privilege(s.oid, 'update') or s.relkind = 'm') as analysable,
      has_table_privilege(s.oid, 'trigger') as triggerable,
    s.reltuples::float8 as estimated_rows
  from scope s join pg_class c on c.oid = s.oid
  order by s.nspname, s.relname`;

export type ColumnRow = {
  table_oid: number;
  name: string;
  type: string;
  base: string | null;
  shape: CatalogColumn["shape"];
  nullable: boolean;
  generated: boolean;
  identity: string;
  has_default: boolean;
};

export const columns = `
  with recursive own as (
    select a.* from pg_attribute a where a.attrelid = any ($1::oid[]) and a.attnum > 0 and not a.attisdropped
  ),
  base (oid, base) as (
    select distinct own.atttypid, own.atttypid from own
    union all
    select b.oid, t.typbasetype from base b join pg_type t on t.oid = b.base where t.typtype = 'd'
  ),
  resolved as (
    select b.oid, b.base, t.typname, t.typcategory from base b join pg_type t on t.oid = b.base where t.typtype <> 'd'
  )
  select a.attrelid::int8 as table_oid, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
    case when r.base <> a.atttypid then format_type(r.base, null) end as base,
    case when r.typname in ('json', 'jsonb') then 'json'
         when r.typcategory = 'A' then 'array'
         when r.typcategory = 'S' or r.typname in ('uuid', 'xml', 'tsvector', 'hstore', 'inet', 'ltree') then 'text'
         else 'other' end as shape,
    not a.attnotnull as nullable, a.attgenerated <> '' as generated, a.attidentity as identity,
    a.atthasdef and a.attgenerated = '' as has_default
  from own a join resolved r on r.oid = a.atttypid
  order by a.attrelid, a.attnum`;

export type ConstraintRow = {
  table_oid: number;
  name: string;
  type: "p" | "u" | "f" | "c";
  columns: string[];
  references_oid: number | null;
  references_columns: string[] | null;
  match: string;
  on_delete: string;
  on_update: string;
  sets_null: string[] | null;
  deferrable: boolean;
  expression: string | null;
  nulls_equal: boolean;
};

/** Of an index: a column of the catalogue from PostgreSQL 15 on. */
const nullsEqual = "coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false)";

const names = (relation: string, numbers: string): string => `
  (select coalesce(array_agg(a.attname::text order by k.position), '{}')
   from unnest(${numbers}) with ordinality k (number, position)
   join pg_attribute a on a.attrelid = ${relation} and a.attnum = k.number)`;

/** Without the columns that an index only includes. */
const keyOf = "(i.indkey::int2[])[:i.indnkeyatts - 1]";

/** The table of a partition, at whatever depth; any other relation itself. */
const root = (relation: string): string => `coalesce(pg_partition_root(${relation}), ${relation})`;

// Unique indexes without a constraint restrict just as much.
export const constraints = `
  select o.conrelid::int8 as table_oid, o.conname as name, o.contype::text as type,
    ${names("o.conrelid", "o.conkey")} as columns,
    -- what refers to a partition refers to rows of its table
    nullif(${root("o.confrelid")}, 0)::int8 as references_oid, ${names("o.confrelid", "o.confkey")} as references_columns,
    o.confmatchtype::text as match, o.confdeltype::text as on_delete, o.confupdtype::text as on_update,
    -- a column of the catalogue from PostgreSQL 15 on
    case when o.contype = 'f' then ${names("o.conrelid", "coalesce((select array_agg(n::int2) from jsonb_array_elements_text(nullif(to_jsonb(o)->'confdelsetcols', 'null')) n), o.conkey)")} end as sets_null,
    o.condeferrable as deferrable,
    case when o.contype = 'c' then pg_get_expr(o.conbin, o.conrelid) end as expression,
    coalesce((select ${nullsEqual} from pg_index i where o.contype = 'u' and i.indexrelid = o.conindid), false) as nulls_equal
  from pg_constraint o
  where o.conrelid = any ($1::oid[]) and o.contype in ('p', 'u', 'f', 'c') and o.conparentid = 0
  union all
  select i.indrelid::int8, c.relname, 'u', ${names("i.indrelid", keyOf)}, null, null, '', '', '', null, false, null, ${nullsEqual}
  from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indrelid = any ($1::oid[]) and i.indisunique and i.indpred is null and i.indexprs is null
    and not exists (select from pg_constraint o where o.conindid = i.indexrelid and o.contype in ('p', 'u'))
  order by 1, 2`;

export type ExclusiveRow = { table_oid: number; name: string; columns: string[] };

/** What an index depends on of the table's columns: PostgreSQL notes those that stand in its expressions and its condition, too. */
export const exclusive = `
  select ${root("i.indrelid")}::int8 as table_oid, c.relname as name, array_agg(a.attname::text order by a.attname) as columns
  from pg_index i
  join pg_class c on c.oid = i.indexrelid and not c.relispartition
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum > 0 and (a.attnum = any (${keyOf})
    or exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
      and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))
  where ${root("i.indrelid")} = any ($1::oid[]) and (i.indisexclusion or i.indisunique
    and (i.indpred is not null or i.indexprs is not null or not i.indimmediate or i.indrelid <> ${root("i.indrelid")}))
  group by i.indrelid, i.indexrelid, c.relname
  order by 1, 2`;

export type IndexedRow = { table_oid: number; name: string };

/** What an index begins with that compares for equality; an expression or a condition does not find every value. */
export const indexed = `
  select distinct i.indrelid::int8 as table_oid, a.attname as name
  from pg_index i
  join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam and m.amname in ('btree', 'hash')
  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
  where i.indrelid = any ($1::oid[]) and i.indisvalid and i.indpred is null
  order by 1, 2`;

export type OutsiderRow = { schema: string; relation: string; name: string; references_oid: number };

/** Foreign keys into the relations in scope from elsewhere: they refuse deletions, or spread them. */
export const outsiders = `
  select n.nspname as schema, c.relname as relation, o.conname as name, ${root("o.confrelid")}::int8 as references_oid
  from pg_constraint o
  join pg_class c on c.oid = o.conrelid and c.relpersistence <> 't' join pg_namespace n on n.oid = c.relnamespace
  where o.contype = 'f' and ${root("o.confrelid")} = any ($1::oid[]) and o.conparentid = 0 and o.conrelid <> all ($1::oid[])
  order by 1, 2, 3`;

export type HeirRow = { schema: string; relation: string; parent_schema: string; parent: string };

/** Relations in scope that inherit, or from which others do, wherever those are. Partitions and their tables are one relation. */
export const heirs = `
  select n.nspname as schema, c.relname as relation, pn.nspname as parent_schema, p.relname as parent
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid and not c.relispartition and c.relpersistence <> 't' join pg_namespace n on n.oid = c.relnamespace
  join pg_class p on p.oid = i.inhparent join pg_namespace pn on pn.oid = p.relnamespace
  where i.inhrelid = any ($1::oid[]) or i.inhparent = any ($1::oid[])
  order by 1, 2, i.inhseqno`;

export type TriggerRow = { table_oid: number; name: string; events: Trigger["events"][number][]; source: string };

export const triggers = `
  select s.oid::int8 as table_oid, t.tgname as name,
    array_remove(array[case when t.tgtype & 4 > 0 then 'insert' end, case when t.tgtype & 16 > 0 then 'update' end,
                       case when t.tgtype & 8 > 0 then 'delete' end], null) as events,
    p.prosrc as source
  from unnest($1::oid[]) s (oid)
  -- a partition may have triggers of its own; those that it has from its parent are the parent's
  join pg_trigger t on ${root("t.tgrelid")} = s.oid and t.tgparentid = 0
  join pg_proc p on p.oid = t.tgfoid
  -- ours only refuses: see src/execute/guards.ts
  where not t.tgisinternal and t.tgenabled <> 'D' and p.pronamespace::regnamespace::text <> 'lethe'
  order by 1, 2`;

export type RuleRow = { table_oid: number; name: string; event: "insert" | "update" | "delete" };

/** Of tables: those of a view are what a view is. */
export const rules = `
  select r.ev_class::int8 as table_oid, r.rulename as name,
    case r.ev_type when '2' then 'update' when '3' then 'insert' else 'delete' end as event
  from pg_rewrite r
  where r.ev_class = any ($1::oid[]) and r.ev_type in ('2', '3', '4') and r.ev_enabled <> 'D'
  order by 1, 2`;

export type PartitionRow = { table_oid: number; schema: string; relation: string };

/** Of partitioned tables. */
export const partitions = `
  select s.oid::int8 as table_oid, n.nspname as schema, c.relname as relation
  from unnest($1::oid[]) s (oid)
  cross join lateral pg_partition_tree(s.oid) p
  join pg_class c on c.oid = p.relid join pg_namespace n on n.oid = c.relnamespace
  where p.relid <> s.oid
  order by 1, 2, 3`;

export type ReadsRow = { table_oid: number; schema: string; relation: string };

/** Of views: what the rewrite rule depends on, through views of views. */
export const reads = `
  with recursive direct as (
    select distinct r.ev_class as view, d.refobjid as source
    from pg_rewrite r join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    where d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
  ),
  closure (view, source) as (
    select view, source from direct
    union
    select k.view, d.source from closure k join direct d on d.view = k.source
  )
  select k.view::int8 as table_oid, n.nspname as schema, c.relname as relation
  from closure k
  join pg_class c on c.oid = k.source and c.relkind in ('r', 'p', 'm')
  join pg_namespace n on n.oid = c.relnamespace
  where k.view = any ($1::oid[])
  order by 1, 2, 3`;
