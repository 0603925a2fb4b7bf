import type { CatalogTable } from "#catalog/catalog.ts";
import { digestOf } from "#lib/canonical.ts";
import { identifier, literal } from "#lib/sql-text.ts";
import { relationOf } from "#scope/sql.ts";

/** What makes restricted rows of a table invisible but to some roles: statements for whoever owns it. */
export type Restriction = {
  readonly table: string;
  readonly roles: readonly string[];
  /** SHA-256 of the rule. The policy's comment has it, with that of the expression as PostgreSQL has stored it. */
  readonly digest: string;
  /** The table and its partitions: row security of a table is not asked where a partition is read by its own name. */
  readonly relations: readonly string[];
  /** For one of the relations. */
  readonly statements: (relation: string) => readonly string[];
};

/** The names of our policies: the restricting one, and those that leave everybody at the other rows as before. */
export const restrictingPolicy = "lethe_restricted";
const openPolicy = "lethe_open";
const ownerPolicy = "lethe_owner";
export const ourPolicies: readonly string[] = [restrictingPolicy, openPolicy, ownerPolicy];

/**
 * Row-level security by which retained rows of erased subjects are there only for `roles` (Art. 18 GDPR). FORCE, because most applications own
 * their tables; restrictive, so that no policy of the application's own lets anybody at them. All other rows stay as they were: where there
 * was no row security everybody passes, and where it did not hold for the table's owner, the owner still passes.
 */
export const restrictionOf = (table: CatalogTable, roles: readonly string[]): Restriction => {
  const { relation, schema, primaryKey } = table;
  const named = roles.map(literal).join(", ");
  const entered = literal(`${identifier(schema)}.${identifier(relation)}`);
  const rule = (name: string): string => {
    const key = primaryKey.map((column) => `${identifier(name)}.${identifier(column)}`);
    const text = key.length === 1 ? `${key[0]}::text` : `row(${key.join(", ")})::text`;
    return `exists (select from pg_catalog.pg_roles lethe_role where lethe_role.rolname in (${named}) and pg_catalog.pg_has_role(lethe_role.oid, 'member'))
    or not lethe.is_restricted(${entered}::regclass, ${text})`;
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
      const there = `${literal(on)}::regclass`;
      return [
        `do $lethe$ declare t record; begin
  select relrowsecurity as secure, relforcerowsecurity as forced, rolname as owner into t from pg_class join pg_roles r on r.oid = relowner where pg_class.oid = ${there};
  if not t.secure then
    create policy ${openPolicy} on ${on} for all to public using (true) with check (true);
  elsif not t.forced then
    execute format('create policy ${ownerPolicy} on %s for all to %I using (true) with check (true)', ${literal(on)}, t.owner);
  end if;
end $lethe$`,
        `drop policy if exists ${restrictingPolicy} on ${on}`,
        `create policy ${restrictingPolicy} on ${on} as restrictive for all to public\n  using (${rule(rest.join("."))})\n  with check (true)`,
        // As everybody prints it, whatever their search path.
        `do $lethe$ begin
  set local search_path = pg_catalog;
  execute format('comment on policy ${restrictingPolicy} on %s is %L', ${literal(on)}, ${literal(`${digest} `)} || (select md5(pg_get_expr(polqual, polrelid)
    || pg_get_expr(polwithcheck, polrelid)) from pg_policy where polrelid = ${there} and polname = '${restrictingPolicy}'));
end $lethe$`,
        `alter table ${on} enable row level security`,
        `alter table ${on} force row level security`,
      ];
    },
  };
};

/**
 * Where restricted rows are entered, by the table's own identity, which a new name does not change, and by their key; and what policies ask it
 * with. The function reads it for whoever reads the table: nobody else is told which rows these are.
 */
export const restrictedTable = `create table if not exists lethe.restricted (relation regclass not null, key text not null, primary key (relation, key))`;
export const restrictedFunction = `create or replace function lethe.is_restricted(relation regclass, key text) returns boolean
  language sql stable security definer set search_path = pg_catalog, pg_temp
  as $$ select exists (select from lethe.restricted r where r.relation = $1 and r.key = $2) $$`;
export const restrictionGrants: readonly string[] = ["grant usage on schema lethe to public"];
