import pg from "pg";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import { suppressedBy } from "#plan/late.ts";
import { isTreated } from "#policy/is-treated.ts";
import type { Policy } from "#policy/policy.ts";
import { restrictedFunction, restrictedTable, restrictionGrants, restrictionOf } from "#scope/restriction.ts";

/** What PostgreSQL takes for a column's name only in quotes. */
const reserved = new Set(
  `all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate collation column
  concurrently constraint create cross current_catalog current_date current_role current_schema current_time current_timestamp
  current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full grant group having
  ilike in initially inner intersect into is isnull join lateral leading left like limit localtime localtimestamp natural not
  notnull null offset on only or order outer overlaps placing primary references returning right select session_user similar
  some symmetric system_user table tablesample then to trailing true union unique user using variadic verbose when where
  window with`.split(/\s+/),
);
const quote = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) && !reserved.has(name) ? name : pg.escapeIdentifier(name);
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
  const treated = tables.filter(
    ({ name }) =>
      isTreated(policy.tables[name]) || (name === policy.subject.table && policy.deletion.mark !== undefined),
  );
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
    ...restrictions(policy, tables, role),
  ];
  return [...new Set(statements)];
};

/** Only its owner can restrict a table to some roles (Art. 18 GDPR), and nobody may hide rows from whoever has to erase them. */
const restrictions = ({ tables: rules }: Policy, tables: readonly CatalogTable[], role: string): string[] => {
  const restricted = tables.flatMap((table) => {
    const rule = rules[table.name];
    return rule?.treatment === "retain" && rule.readableBy !== undefined ? [restrictionOf(table, rule.readableBy)] : [];
  });
  if (restricted.length === 0) return [];
  return [
    `alter role ${quote(role)} bypassrls;`,
    `${restrictedTable};`,
    `alter table lethe.restricted owner to ${quote(role)};`,
    `${restrictedFunction};`,
    `alter function lethe.is_restricted(regclass, text) owner to ${quote(role)};`,
    ...restrictionGrants.map((grant) => `${grant};`),
    ...restricted.flatMap(({ relations, statements }) =>
      relations.flatMap((relation) => statements(relation).map((statement) => `${statement};`)),
    ),
  ];
};

const changeGrants = (policy: Policy, table: CatalogTable): string[] => {
  const rule = policy.tables[table.name];
  const columns = new Set([...cutColumns(policy, table), ...linkColumns(policy, table), ...markColumns(policy, table)]);
  const remedies = policy.blockers.flatMap(({ table: name, remedy }) =>
    name === table.name && remedy !== undefined ? [remedy] : [],
  );
  for (const remedy of remedies) {
    if (remedy.kind === "unlink") columns.add(remedy.column);
    if (remedy.kind === "set") for (const column of Object.keys(remedy.columns)) columns.add(column);
  }
  if (rule !== undefined && (rule.treatment === "anonymise" || rule.treatment === "retain")) {
    for (const [column, { kind }] of Object.entries(rule.columns))
      if (kind !== "keep" && kind !== "stays") columns.add(column);
  }
  const analytics = rule?.treatment === "anonymise" ? rule.analytics : undefined;
  for (const { name } of suppressedBy(rule !== undefined && "columns" in rule ? rule.columns : {}, analytics, table))
    columns.add(name);
  const late = (analytics?.late ?? "wait") !== "wait";
  const refuse = policy.deletion.mark?.refuse ?? [];
  if (rule?.expiry?.columns !== undefined) for (const column of Object.keys(rule.expiry.columns)) columns.add(column);
  const expires = rule?.expiry !== undefined && rule.expiry.columns === undefined;
  const removes = rule?.treatment === "erase" || expires || late || remedies.some(({ kind }) => kind === "remove");
  // Taken out, and put in again in random order.
  const reorders = rule?.treatment === "anonymise" && rule.reorder !== undefined;
  const aggregated = rule?.treatment === "anonymise" && rule.aggregate !== undefined;
  const counts = Object.values(policy.tables).flatMap((each) =>
    each.treatment === "anonymise" && each.aggregate?.into === table.name ? [each.aggregate] : [],
  );
  for (const { count, sums } of counts) for (const name of [count, ...sums.map(({ into }) => into)]) columns.add(name);
  return [
    ...(removes || reorders || aggregated ? ["delete"] : []),
    ...(reorders || counts.length > 0 ? ["insert"] : []),
    ...(columns.size === 0 ? [] : [`update (${list(columns)})`]),
    // New rows for a subject that is marked as deleted are refused by a trigger of ours, and one on the subject's table waits for them.
    ...(refuse.includes(table.name) || (refuse.length > 0 && table.name === policy.subject.table) ? ["trigger"] : []),
  ];
};

/** Links are cut as foreign keys are: where they name an erased subject. */
const linkColumns = ({ links, subject, tables }: Policy, table: CatalogTable): string[] =>
  links
    .filter(
      ({ from, to }) =>
        from.table === table.name && to.table === subject.table && tables[to.table]?.treatment === "erase",
    )
    .map(({ from }) => from.column)
    .filter((name) => table.columns.find((column) => column.name === name)?.nullable === true);

const markColumns = ({ deletion, subject }: Policy, table: CatalogTable): string[] =>
  table.name === subject.table ? Object.keys(deletion.mark?.set ?? {}) : [];

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

/** ANALYZE and REFRESH remove what a deleted row leaves in statistics and materialised views. */
const maintenance = (catalog: Catalog, treated: readonly CatalogTable[], role: string): string[] => {
  const names = new Set(treated.flatMap(({ name, partitions }) => [name, ...partitions]));
  const stale = [...catalog.tables.values()].filter(
    ({ kind, reads }) => kind === "materialised-view" && reads.some((name) => names.has(name)),
  );
  if (catalog.serverVersion < version17) return maintenanceFunctions(role, stale.length > 0);
  const partitions = treated.flatMap((table) => table.partitions.map(partitionName));
  const all = [...treated.map(nameOf), ...partitions, ...stale.map(nameOf)];
  return all.map((name) => `grant maintain on ${name} to ${quote(role)};`);
};

/**
 * Before PostgreSQL 17 nobody but the owner of a table may ANALYZE it, or REFRESH a view: two functions do it in the name of
 * who creates them, for tables that the caller may change and views that it may read, and do nothing else.
 */
const maintenanceFunctions = (role: string, views: boolean): string[] => [
  "-- Before PostgreSQL 17 only owners may ANALYZE and REFRESH: these functions do, in the name of who creates them.",
  ...maintenanceFunction(role, "analyze_table", "analyze", [
    "has_table_privilege(session_user, target, 'delete')",
    "has_any_column_privilege(session_user, target, 'update')",
    "(select relkind = 'm' from pg_class where oid = target) and has_table_privilege(session_user, target, 'select')",
  ]),
  ...(views
    ? maintenanceFunction(role, "refresh_view", "refresh materialized view", [
        "has_table_privilege(session_user, target, 'select')",
      ])
    : []),
];

// The pinned path makes regclass print the schema, and keeps anybody's objects out of the definer's way.
const maintenanceFunction = (role: string, name: string, verb: string, allowed: readonly string[]): string[] => [
  `create or replace function lethe.${name}(target regclass) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if ${allowed.map((condition) => `(${condition})`).join("\n    or ")} then
    execute format('${verb} %s', target);
  else
    raise insufficient_privilege using message = format('%s is not for role %s', target, session_user);
  end if;
end $$;`,
  `revoke all on function lethe.${name}(regclass) from public;`,
  `grant execute on function lethe.${name}(regclass) to ${quote(role)};`,
];

const partitionName = (name: string): string => {
  const dot = name.indexOf(".");
  return dot === -1
    ? nameOf({ schema: "public", relation: name })
    : nameOf({ schema: name.slice(0, dot), relation: name.slice(dot + 1) });
};
