import pg from "pg";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Policy, TableRule } from "#policy/policy.ts";

const quote = (name: string): string => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : pg.escapeIdentifier(name));
const nameOf = ({ schema, relation }: Pick<CatalogTable, "schema" | "relation">): string =>
  `${quote(schema)}.${quote(relation)}`;
const list = (columns: Iterable<string>): string => [...columns].map(quote).join(", ");

/**
 * The privileges that `role` needs to carry out `policy` on the store of `catalog`, and no more: statements that end
 * with a semicolon, and comments. `database` defaults to the store's name.
 */
export const grantsFor = (
  policy: Policy,
  catalog: Catalog,
  role: string,
  database: string = catalog.store,
): string[] => {
  const to = `to ${quote(role)};`;
  const tables = [...catalog.tables.values()];
  const schemas = [...new Set(tables.map(({ schema }) => schema))].toSorted();
  const treated = tables.filter(({ name }) => isTreated(policy.tables[name]));
  const triggered = new Set(treated.flatMap(({ triggers }) => triggers.flatMap(({ writesTo }) => writesTo)));
  const statements = [
    `grant connect, temporary on database ${quote(database)} ${to}`,
    // The journal that makes each batch exactly-once commits with the changes, in the store itself.
    `create schema if not exists lethe authorization ${quote(role)};`,
    ...schemas.flatMap((schema) => [
      `grant usage on schema ${quote(schema)} ${to}`,
      `grant select on all tables in schema ${quote(schema)} ${to}`,
    ]),
    ...tables.flatMap((table) =>
      changeGrants(policy, table).map((privilege) => `grant ${privilege} on ${nameOf(table)} ${to}`),
    ),
    ...[...triggered].toSorted().flatMap((name) => triggerGrants(catalog.tables.get(name), to)),
    ...(tables.some(({ rowSecurity }) => rowSecurity) ? [`alter role ${quote(role)} bypassrls;`] : []),
    ...maintenance(catalog, treated, role),
  ];
  return [...new Set(statements)];
};

const isTreated = (rule: TableRule | undefined): boolean => rule !== undefined && rule.treatment !== "keep";

const changeGrants = (policy: Policy, table: CatalogTable): string[] => {
  const rule = policy.tables[table.name];
  const columns = new Set(cutColumns(policy, table));
  if (rule !== undefined && (rule.treatment === "anonymise" || rule.treatment === "retain")) {
    for (const [column, transform] of Object.entries(rule.columns)) if (transform.kind !== "keep") columns.add(column);
  }
  const update = columns.size === 0 ? [] : [`update (${list(columns)})`];
  return rule?.treatment === "erase" ? ["delete", ...update] : update;
};

/** References to rows that are erased, or shared and spared, are cut before the rows go. */
const cutColumns = (policy: Policy, table: CatalogTable): string[] =>
  table.foreignKeys
    .filter((key) =>
      key.columns.every((name) => table.columns.find((column) => column.name === name)?.nullable === true),
    )
    .filter(({ references }) => {
      const target = policy.tables[references.table]?.treatment;
      const own = isTreated(policy.tables[table.name]);
      return target === "erase" || (own && target === "anonymise" && references.table !== policy.subject.table);
    })
    .flatMap(({ columns }) => columns);

// A trigger's function writes with the privileges of whoever changed the row.
const triggerGrants = (table: CatalogTable | undefined, to: string): string[] => {
  if (table === undefined) return [];
  const sequences = table.columns.some(
    ({ hasDefault, identity, type }) =>
      hasDefault && identity === undefined && /^(smallint|integer|bigint)$/.test(type),
  );
  return [
    `grant insert, update on ${nameOf(table)} ${to}  -- a trigger writes into it`,
    ...(sequences ? [`grant usage on all sequences in schema ${quote(table.schema)} ${to}`] : []),
  ];
};

const version17 = 170_000;

/** VACUUM, ANALYZE and REFRESH remove what a deleted row leaves in pages, statistics and materialised views. */
const maintenance = (catalog: Catalog, treated: readonly CatalogTable[], role: string): string[] => {
  const names = new Set(treated.map(({ name }) => name));
  const stale = [...catalog.tables.values()].filter(
    ({ kind, reads }) => kind === "materialised-view" && reads.some((name) => names.has(name)),
  );
  if (catalog.serverVersion < version17) {
    return [
      "-- Before PostgreSQL 17 only the owner of a table can VACUUM and ANALYZE it: leave that to autovacuum, or to the owner.",
      ...stale.map((view) => `alter materialized view ${nameOf(view)} owner to ${quote(role)};`),
    ];
  }
  const partitions = treated.flatMap((table) => table.partitions.map(partitionName));
  const all = [...treated.map(nameOf), ...partitions, ...stale.map(nameOf)];
  return all.map((name) => `grant maintain on ${name} to ${quote(role)};`);
};

const partitionName = (name: string): string => {
  const dot = name.indexOf(".");
  return dot === -1
    ? nameOf({ schema: "public", relation: name })
    : nameOf({ schema: name.slice(0, dot), relation: name.slice(dot + 1) });
};
