import type { CatalogTable } from "#catalog/catalog.ts";
import { digestOf } from "#lib/canonical.ts";
import { identifier, literal } from "#lib/sql-text.ts";
import { relationOf } from "#scope/sql.ts";

/** What makes restricted rows of a table invisible but to some roles: statements for whoever owns it. */
export type Restriction = {
  readonly table: string;
  readonly roles: readonly string[];
  /** SHA-256 of the rule, kept as the policy's comment: whether it is the one that stands. */
  readonly digest: string;
  /** The table and its partitions: row security of a table is not asked where a partition is read by its own name. */
  readonly relations: readonly string[];
  /** For one of the relations. */
  readonly statements: (relation: string) => readonly string[];
};

/** The names of our policies: the restricting one, and the one that lets everybody at the rest. */
export const restrictingPolicy = "lethe_restricted";
export const openPolicy = "lethe_open";

/**
 * Row-level security by which retained rows of erased subjects are there only for `roles` (Art. 18 GDPR). FORCE, because most applications own
 * their tables; restrictive, so that no policy of the application's own lets anybody at them.
 */
export const restrictionOf = (table: CatalogTable, roles: readonly string[]): Restriction => {
  const { relation, schema, primaryKey } = table;
  const named = roles.map(literal).join(", ");
  const entered = literal(relationOf(table.name));
  const rule = (name: string): string => {
    const key = primaryKey.map((column) => `${identifier(name)}.${identifier(column)}`);
    const text = key.length === 1 ? `${key[0]}::text` : `row(${key.join(", ")})::text`;
    return `exists (select from pg_catalog.pg_roles lethe_role where lethe_role.rolname in (${named}) and pg_catalog.pg_has_role(lethe_role.oid, 'member'))
    or not exists (select from lethe.restricted lethe_row where lethe_row.relation = ${entered} and lethe_row.key = ${text})`;
  };
  const digest = digestOf({ rule: rule(relation), force: true });
  return {
    table: table.name,
    roles,
    digest,
    relations: [`${schema}.${relation}`, ...table.partitions.map(relationOf)],
    statements: (full) => {
      const [first = "", ...rest] = full.split(".");
      const on = `${identifier(first)}.${identifier(rest.join("."))}`;
      return [
        `drop policy if exists ${restrictingPolicy} on ${on}`,
        `drop policy if exists ${openPolicy} on ${on}`,
        `create policy ${restrictingPolicy} on ${on} as restrictive for all to public\n  using (${rule(rest.join("."))})\n  with check (true)`,
        `comment on policy ${restrictingPolicy} on ${on} is ${literal(digest)}`,
        // Where nobody else's policies stand, one has to let everybody at the other rows.
        `do $lethe$ begin
  if not exists (select from pg_policy where polrelid = ${literal(on)}::regclass and polname <> ${literal(restrictingPolicy)}) then
    create policy ${openPolicy} on ${on} for all to public using (true) with check (true);
  end if;
end $lethe$`,
        `alter table ${on} enable row level security`,
        `alter table ${on} force row level security`,
      ];
    },
  };
};

/** Policies ask with the rights of whoever reads the table. What they ask names rows of it, and nobody's data. */
export const restrictionGrants: readonly string[] = [
  "grant usage on schema lethe to public",
  "grant select on lethe.restricted to public",
];
