import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { ColumnStore } from "#context.ts";
import { columnKind } from "#clickhouse/column-types.ts";
import { ownNames, text } from "#clickhouse/sql.ts";
import { digestOf } from "#lib/canonical.ts";
import { isLetheError, LetheError } from "#lib/errors.ts";

/** What of a table of ClickHouse no other store has. */
export type ColumnTable = {
  readonly name: string;
  readonly engine: string;
  /** The statement that makes it. */
  readonly definition: string;
  /** Types as ClickHouse writes them, by column; of those that are stored. */
  readonly types: ReadonlyMap<string, string>;
};

export type ColumnCatalog = Catalog & { readonly columnTables: ReadonlyMap<string, ColumnTable> };

type TableRow = { readonly name: string; readonly engine: string; readonly definition: string };
type ColumnRow = {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly default_kind: string;
};

/** Releases before it get no fixes any more. Tried is what the tests run with, see the README. */
const oldestServer = 240_300;

/**
 * The tables of the store's database, in the words in which the plan speaks of PostgreSQL's: as there, a view is not treated, but the tables
 * that it reads. No table declares a key or a reference; the key that the policy names tells people apart, in however many rows.
 */
export const readColumnCatalog = async ({
  name: store,
  client,
}: Pick<ColumnStore, "name" | "client">): Promise<ColumnCatalog> => {
  const { database } = client;
  const serverVersion = await readVersion(store, client);
  const tables = await client.rows<TableRow>(
    `select name, engine, replaceRegexpOne(create_table_query, ${text(" UUID '[^']*'")}, '') as definition from system.tables
    where database = {database:String} and not is_temporary and not match(name, {own:String}) order by name`,
    { database, own: ownNames },
  );
  // What is ephemeral is never stored, and cannot be read.
  const columns = await client.rows<ColumnRow>(
    `select table, name, type, default_kind from system.columns where database = {database:String} and not match(table, {own:String}) and default_kind <> 'EPHEMERAL' order by table, position`,
    { database, own: ownNames },
  );
  const hidden = await client
    .rows<{ table: string }>(
      "select distinct table from system.row_policies where database in ({database:String}, '')",
      {
        database,
      },
    )
    // In one process there are none, nor may anybody ask; an account of a server is granted to.
    .catch((error: unknown) => {
      if (isLetheError(error, "DATABASE_PRIVILEGE")) return [];
      throw error;
    });
  const policies = new Set(hidden.map(({ table }) => table));
  const byTable = Map.groupBy(columns, ({ table }) => table);
  const read = tables.map(({ name, engine, definition }) => {
    const own = byTable.get(name) ?? [];
    const rowSecurity = policies.has(name) || policies.has("");
    const schema = digestOf({ engine, definition });
    return {
      catalogued: { ...catalogued(database, name, engine, own), rowSecurity, definition: schema },
      native: {
        name,
        engine,
        definition,
        types: new Map(own.filter(isStored).map((column) => [column.name, column.type])),
      } satisfies ColumnTable,
    };
  });
  const natives = read.map(({ native }) => ({ ...native, types: Object.fromEntries(native.types) }));
  return {
    store,
    serverVersion,
    tables: new Map(read.map(({ catalogued: table }) => [table.name, table])),
    manyRows: true,
    outsiders: [],
    heirs: [],
    fingerprint: digestOf(natives),
    columnTables: new Map(read.map(({ native }) => [native.name, native])),
  };
};

const readVersion = async (store: string, client: ColumnStore["client"]): Promise<number> => {
  const [row] = await client.rows<{ version: string }>("select version() as version");
  const [year = 0, release = 0] = (row?.version ?? "").split(".").map(Number);
  const version = year * 10_000 + release * 100;
  if (version >= oldestServer) return version;
  throw new LetheError("STORE_UNSUPPORTED", `store ${store} runs a ClickHouse older than 24.3`, {
    hint: "upgrade the server: releases before it get no fixes any more",
  });
};

const isStored = ({ default_kind: kind }: ColumnRow): boolean => kind === "" || kind === "DEFAULT";

const catalogued = (database: string, name: string, engine: string, columns: readonly ColumnRow[]): CatalogTable => ({
  name,
  schema: database,
  relation: name,
  kind: isTable(engine) ? "table" : "view",
  partitions: [],
  columns: columns.map((column) => ({
    name: column.name,
    ...columnKind(column.type),
    generated: !isStored(column),
    identity: undefined,
    hasDefault: column.default_kind !== "",
  })),
  primaryKey: [],
  unique: [],
  exclusive: [],
  foreignKeys: [],
  checks: [],
  triggers: [],
  rules: [],
  rowSecurity: false,
  reads: [],
  refreshable: true,
  analysable: true,
  triggerable: false,
  indexed: [],
  estimatedRows: -1,
});

/** Engines that show rows of tables, which are asked themselves. */
const isTable = (engine: string): boolean => !/^(View|MaterializedView|Distributed)$/.test(engine);
