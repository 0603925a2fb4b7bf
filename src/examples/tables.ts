import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { tableName } from "#scope/sql.ts";
import type { Numbered } from "#examples/given.ts";

/** A temporary table that stands for one of the store. */
export type StandIn = {
  readonly table: CatalogTable;
  /** `pg_temp.…`, as shapes name tables. */
  readonly at: string;
  /** Columns that the database would number: where an example leaves them out, we do. */
  readonly numbered: ReadonlySet<string>;
  /** Columns that have a value although a row leaves them out: by us, or by a default. */
  readonly filled: ReadonlySet<string>;
};

/** Tells the rows of a stand-in apart, whatever becomes of their columns; a row that a statement of the batch makes has none. */
export const rowNumber = "lethe_example_row";

/**
 * Makes a temporary table like each of the store's, within the caller's transaction: with its checks, generated columns, keys and
 * unique columns, and without what could leave a trace or needs more than SELECT and TEMPORARY: its sequences, functions of the
 * company's own in defaults, foreign keys and triggers. A column that an example leaves out may be empty.
 */
export const createStandIns = async (
  db: Kysely<unknown>,
  catalog: Catalog,
  names: Iterable<string>,
  examples: readonly Numbered[],
): Promise<ReadonlyMap<string, StandIn>> => {
  const tables = [...names].flatMap((name) => catalog.tables.get(name) ?? []);
  const defaults = await readDefaults(db, tables);
  const standIns = new Map<string, StandIn>();
  for (const table of tables) {
    const own = defaults.filter(({ schema, relation }) => schema === table.schema && relation === table.relation);
    const traced = own.filter(({ counts, calls }) => counts || calls).map(({ column }) => column);
    const identities = table.columns.filter(({ identity }) => identity !== undefined).map(({ name }) => name);
    const standIn: StandIn = {
      table,
      at: `pg_temp.lethe_given_${standIns.size}`,
      numbered: new Set([...identities, ...own.filter(({ counts }) => counts).map(({ column }) => column)]),
      filled: new Set([
        ...identities,
        ...own.filter(({ counts, calls }) => counts || !calls).map(({ column }) => column),
      ]),
    };
    await sql`create temporary table ${tableName(standIn.at)} (
      like ${sql.id(table.schema, table.relation)} including constraints including generated including defaults,
      ${sql.id(rowNumber)} integer)`.execute(db);
    const changes = [
      ...traced.map((name) => sql`alter column ${sql.id(name)} drop default`),
      ...emptiable(standIn, examples).map((name) => sql`alter column ${sql.id(name)} drop not null`),
      ...uniqueColumns(table).map((columns) => sql`add unique (${list(columns)})`),
    ];
    if (changes.length > 0) await sql`alter table ${tableName(standIn.at)} ${sql.join(changes)}`.execute(db);
    standIns.set(table.name, standIn);
  }
  return standIns;
};

const list = (columns: readonly string[]): RawBuilder<unknown> => sql.join(columns.map((name) => sql.id(name)));

const uniqueColumns = ({ primaryKey, unique }: CatalogTable): readonly (readonly string[])[] => [
  ...(primaryKey.length === 0 ? [] : [primaryKey]),
  ...unique.map(({ columns }) => columns),
];

/** Columns that the store wants filled, and that some row of some example leaves out without a default. */
const emptiable = ({ table: { name, columns }, filled }: StandIn, examples: readonly Numbered[]): readonly string[] => {
  const rows = examples.flatMap(({ example }) => example.given[name] ?? []);
  return columns
    .filter((column) => !column.nullable && !column.generated && !filled.has(column.name))
    .filter((column) => rows.some((row) => !Object.hasOwn(row, column.name)))
    .map((column) => column.name);
};

type Default = {
  readonly schema: string;
  readonly relation: string;
  readonly column: string;
  /** Takes a number from a sequence, which no rollback gives back. */
  readonly counts: boolean;
  /** Calls a function that is not PostgreSQL's own. */
  readonly calls: boolean;
};

const readDefaults = async (db: Kysely<unknown>, tables: readonly CatalogTable[]): Promise<readonly Default[]> => {
  const schemas = tables.map(({ schema }) => schema);
  const relations = tables.map(({ relation }) => relation);
  const { rows } = await sql<Default>`
    select n.nspname as schema, c.relname as relation, a.attname as column,
      pg_get_expr(d.adbin, d.adrelid) ~* 'nextval' or exists (select from pg_depend p join pg_class s on s.oid = p.refobjid and s.relkind = 'S'
        where p.classid = 'pg_attrdef'::regclass and p.objid = d.oid and p.refclassid = 'pg_class'::regclass) as counts,
      exists (select from pg_depend p
        where p.classid = 'pg_attrdef'::regclass and p.objid = d.oid and p.refclassid = 'pg_proc'::regclass) as calls
    from unnest(${schemas}::text[], ${relations}::text[]) w (schema, relation)
    join pg_namespace n on n.nspname = w.schema join pg_class c on c.relnamespace = n.oid and c.relname = w.relation
    join pg_attribute a on a.attrelid = c.oid and a.attgenerated = '' join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum`.execute(
    db,
  );
  return rows;
};
