import type pg from "pg";
import { digestOf } from "#lib/canonical.ts";
import {
  schemaOf,
  type Catalog,
  type CatalogColumn,
  type CatalogTable,
  type CheckConstraint,
  type ForeignKey,
  type Trigger,
  type Unique,
} from "#catalog/catalog.ts";
import * as queries from "#catalog/queries.ts";
import { tablesWrittenBy } from "#catalog/trigger-targets.ts";

export type CatalogOptions = {
  readonly store: string;
  /** Empty: every schema that is neither the system's nor ours. */
  readonly schemas: readonly string[];
};

/** `public.customers` is `customers` everywhere people read; other schemas keep their prefix. */
export const displayName = (schema: string, relation: string): string =>
  schema === "public" ? relation : `${schema}.${relation}`;

const groupBy = <T extends { table_oid: number }>(rows: readonly T[]): Map<number, T[]> =>
  Map.groupBy(rows, (row) => row.table_oid);

const actions: Readonly<Record<string, ForeignKey["onDelete"]>> = {
  a: "no action",
  r: "restrict",
  c: "cascade",
  n: "set null",
  d: "set default",
};

/**
 * Reads the live schema of a store in one snapshot. Takes a client so that the caller decides about the transaction;
 * reads nothing but the system catalogs.
 */
export const readCatalog = async (client: pg.PoolClient, options: CatalogOptions): Promise<Catalog> => {
  const { rows: relations } = await client.query<queries.RelationRow>(queries.relations, [[...options.schemas]]);
  // What there is none of is not asked for.
  const rowsOf = async <R extends pg.QueryResultRow>(text: string, ...kinds: CatalogTable["kind"][]): Promise<R[]> => {
    const oids = relations.filter(({ kind }) => kinds.length === 0 || kinds.includes(kind)).map(({ oid }) => oid);
    return oids.length === 0 ? [] : (await client.query<R>(text, [oids])).rows;
  };

  const names = new Map(relations.map((row) => [row.oid, displayName(row.schema, row.relation)]));
  const columns = groupBy(await rowsOf<queries.ColumnRow>(queries.columns));
  const constraints = groupBy(await rowsOf<queries.ConstraintRow>(queries.constraints));
  const exclusive = groupBy(await rowsOf<queries.ExclusiveRow>(queries.exclusive, "table", "partitioned"));
  const triggers = groupBy(await rowsOf<queries.TriggerRow>(queries.triggers));
  const rules = groupBy(await rowsOf<queries.RuleRow>(queries.rules, "table", "partitioned"));
  const partitions = groupBy(await rowsOf<queries.PartitionRow>(queries.partitions, "partitioned"));
  const indexes = groupBy(await rowsOf<queries.IndexedRow>(queries.indexed));
  const reads = groupBy(await rowsOf<queries.ReadsRow>(queries.reads, "view", "materialised-view"));
  const outsiders = (await rowsOf<queries.OutsiderRow>(queries.outsiders)).map((row) => ({
    table: displayName(row.schema, row.relation),
    name: row.name,
    references: names.get(row.references_oid) ?? "",
  }));
  const heirs = (await rowsOf<queries.HeirRow>(queries.heirs, "table")).map((row) => ({
    table: displayName(row.schema, row.relation),
    from: displayName(row.parent_schema, row.parent),
  }));
  const version = await client.query<{ version: number }>(
    "select current_setting('server_version_num')::int4 as version",
  );

  const known = new Set(names.values());
  const tables = relations.map((relation): CatalogTable => {
    const own = constraints.get(relation.oid) ?? [];
    return {
      name: displayName(relation.schema, relation.relation),
      schema: relation.schema,
      relation: relation.relation,
      kind: relation.kind,
      partitions: (partitions.get(relation.oid) ?? []).map((row) => displayName(row.schema, row.relation)),
      columns: (columns.get(relation.oid) ?? []).map(columnFrom),
      primaryKey: own.find((row) => row.type === "p")?.columns ?? [],
      unique: own.filter((row) => row.type === "u").map(uniqueFrom),
      exclusive: (exclusive.get(relation.oid) ?? []).map(({ name, columns: all }) => ({ name, columns: all })),
      foreignKeys: own.filter((row) => row.type === "f").flatMap((row) => foreignKeyFrom(row, names)),
      checks: own.filter((row) => row.type === "c").map(checkFrom),
      triggers: (triggers.get(relation.oid) ?? []).map((row) => triggerFrom(row, known)),
      rules: (rules.get(relation.oid) ?? []).map(({ name, event }) => ({ name, event })),
      rowSecurity: relation.row_security,
      reads: (reads.get(relation.oid) ?? []).map((row) => displayName(row.schema, row.relation)),
      refreshable: relation.refreshable,
      analysable: relation.analysable,
      triggerable: relation.triggerable,
      indexed: (indexes.get(relation.oid) ?? []).map(({ name }) => name),
      estimatedRows: relation.estimated_rows,
    };
  });
  const serverVersion = version.rows[0]?.version ?? 0;
  return {
    store: options.store,
    serverVersion,
    tables: new Map(tables.map((table) => [table.name, table])),
    outsiders,
    heirs,
    fingerprint: digestOf([tables.map(schemaOf), outsiders, heirs]),
  };
};

const columnFrom = (row: queries.ColumnRow): CatalogColumn => ({
  name: row.name,
  type: row.type,
  ...(row.base !== null && { base: row.base }),
  shape: row.shape,
  nullable: row.nullable,
  generated: row.generated,
  identity: row.identity === "a" ? "always" : row.identity === "d" ? "by-default" : undefined,
  hasDefault: row.has_default,
});

// A foreign key to a table outside the store's schemas cannot be followed, but it can still refuse a deletion.
const foreignKeyFrom = (row: queries.ConstraintRow, names: ReadonlyMap<number, string>): ForeignKey[] => {
  const table = row.references_oid === null ? undefined : names.get(row.references_oid);
  if (table === undefined) return [];
  return [
    {
      name: row.name,
      columns: row.columns,
      references: { table, columns: row.references_columns ?? [] },
      match: row.match === "f" ? "full" : "simple",
      onDelete: actions[row.on_delete] ?? "no action",
      onUpdate: actions[row.on_update] ?? "no action",
      setsNull: row.on_delete === "n" ? (row.sets_null ?? []) : [],
      deferrable: row.deferrable,
    },
  ];
};

const uniqueFrom = ({ name, columns, nulls_equal: nullsEqual }: queries.ConstraintRow): Unique => ({
  name,
  columns,
  ...(nullsEqual && { nullsEqual: true }),
});

const checkFrom = (row: queries.ConstraintRow): CheckConstraint => ({
  name: row.name,
  columns: row.columns,
  expression: row.expression ?? "true",
});

const triggerFrom = (row: queries.TriggerRow, tables: ReadonlySet<string>): Trigger => ({
  name: row.name,
  events: row.events,
  writesTo: tablesWrittenBy(row.source, tables),
});
