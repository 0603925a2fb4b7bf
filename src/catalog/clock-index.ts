import type pg from "pg";
import type { Policy } from "#policy/policy.ts";

/** A table and the column that says how old its rows are. */
export type Clocked = { readonly table: string; readonly clock: string };

export type ClockIndex = Clocked & {
  /** An index finds old rows, in every partition that has rows. */
  readonly indexed: boolean;
  /** Statements to run one by one, outside of a transaction, where none does and the table is large; they let the application write meanwhile. */
  readonly proposal: readonly string[];
};

/**
 * Bytes from which on a table is worth an index that only Lethe may need: to read as much takes a tenth of a second from memory, half a second
 * from a disk, every night; an index costs every row that the application inserts.
 */
const large = 64 * 1024 * 1024;

/** A table, or a partition of it. Names are quoted. */
type Leaf = {
  readonly table: string;
  readonly name: string;
  readonly column: string;
  readonly bytes: number;
  readonly serves: boolean;
  /** An index that would serve, were it valid: building it concurrently has failed, or goes on. */
  readonly broken: string | null;
  /** Of partitions: the partitioned table, unless it has such an index, which is valid only when all of them have theirs. */
  readonly whole: string | null;
};

const quoted = (schema: string, relation: string): string =>
  `case when ${schema} = 'public' then '' else quote_ident(${schema}) || '.' end || quote_ident(${relation})`;

/**
 * What serves: a B-tree that begins with the clock, in either direction, and holds every row that has one; a BRIN index, which only somebody makes
 * whose rows lie in the order of the clock. A later column, an expression, another condition or a hash does not find what is older than a day.
 */
const leaves = `
  with recursive asked as (
    select a.name, a.clock, c.oid, c.relkind = 'p' as partitioned, ${quoted("n.nspname", "c.relname")} as place
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) a (name, schema, relation, clock)
    join pg_namespace n on n.nspname = a.schema join pg_class c on c.relnamespace = n.oid and c.relname = a.relation
  ),
  tree (root, relation) as (
    select oid, oid from asked
    union
    select t.root, i.inhrelid from tree t join pg_inherits i on i.inhparent = t.relation
  ),
  clocked as (
    select t.root, t.relation, a.attnum, a.attname, asked.clock
    from tree t join asked on asked.oid = t.root join pg_attribute a on a.attrelid = t.relation and a.attname = asked.clock
  ),
  fitting as (
    select t.root, t.relation, i.indisvalid as valid, ${quoted("n.nspname", "x.relname")} as place
    from clocked t join pg_index i on i.indrelid = t.relation join pg_class x on x.oid = i.indexrelid
    join pg_namespace n on n.oid = x.relnamespace join pg_am m on m.oid = x.relam
    where m.amname = 'btree' and i.indkey[0] = t.attnum
        and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', t.attname))
      or m.amname = 'brin' and t.attnum = any (i.indkey::int2[]) and i.indpred is null
  )
  select asked.name as "table", ${quoted("n.nspname", "c.relname")} as name, quote_ident(t.attname) as "column",
    pg_relation_size(c.oid)::float8 as bytes,
    exists (select from fitting f where f.root = t.root and f.relation = t.relation and f.valid) as serves,
    (select min(f.place) from fitting f where f.root = t.root and f.relation = t.relation and not f.valid) as broken,
    case when asked.partitioned and not exists (select from fitting f where f.root = t.root and f.relation = t.root)
      then asked.place end as whole
  from clocked t join asked on asked.oid = t.root
  join pg_class c on c.oid = t.relation and c.relkind = 'r' join pg_namespace n on n.oid = c.relnamespace
  order by 1, 2`;

/** Those whose old rows a policy lets go. */
export const clockedBy = ({ tables }: Policy): readonly Clocked[] =>
  Object.entries(tables).flatMap(([table, { expiry }]) =>
    expiry === undefined ? [] : [{ table, clock: expiry.clock }],
  );

/** Whether indexes find the old rows of these tables, and what to run where none does. Reads nothing but the system catalogs. */
export const readClockIndexes = async (
  client: pg.ClientBase,
  clocked: readonly Clocked[],
): Promise<readonly ClockIndex[]> => {
  const names = clocked.map(({ table }) => (table.includes(".") ? table.split(".", 2) : ["public", table]));
  const { rows } = await client.query<Leaf>(leaves, [
    clocked.map(({ table }) => table),
    names.map(([schema]) => schema),
    names.map(([, relation]) => relation),
    clocked.map(({ clock }) => clock),
  ]);
  const byTable = Map.groupBy(rows, ({ table }) => table);
  return clocked.map(({ table, clock }) => ({ table, clock, ...judge(byTable.get(table) ?? []) }));
};

const judge = (tree: readonly Leaf[]): Omit<ClockIndex, keyof Clocked> => {
  // What has no rows yet the index of the whole will make its own for in no time.
  const lacking = tree.filter(({ serves, bytes }) => !serves && (bytes > 0 || tree.length === 1));
  const size = tree.reduce((sum, { bytes }) => sum + bytes, 0);
  const proposal = size < large ? [] : [...lacking.map(onLeaf), ...onWhole(lacking)];
  return { indexed: lacking.length === 0, proposal };
};

const onLeaf = ({ name, column, broken }: Leaf): string =>
  broken === null ? `create index concurrently on ${name} (${column});` : `reindex index concurrently ${broken};`;

/** CONCURRENTLY is not for partitioned tables; the index of the whole adopts those that their partitions have already, and locks only for that. */
const onWhole = ([lacking]: readonly Leaf[]): readonly string[] =>
  lacking === undefined || lacking.whole === null ? [] : [`create index on ${lacking.whole} (${lacking.column});`];
