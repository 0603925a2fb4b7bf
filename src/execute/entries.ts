import { sql, type RawBuilder } from "kysely";
import { hasNoKey, type Scope, type Shape } from "#records/plan.ts";
import { column, hasOneOwner, keyNames, scopeOf, scopeTable } from "#scope/sql.ts";
import { removed } from "#scope/stopped.ts";

export const scopeFor = (shape: Shape, table: string): Scope => {
  const scope = scopeOf(shape, table);
  if (scope === undefined) throw new TypeError(`no scope for ${table}`);
  return scope;
};

/** The keys of the rows that a table's own statement is about: each once, unless requests for the same person have it in common. */
export const entriesToTreat = (shape: Shape, table: string): RawBuilder<unknown> => {
  const scope = scopeFor(shape, table);
  const keys = sql.join(keyNames(scope).map((name) => column("s", name)));
  return sql`select ${hasOneOwner(shape, scope) ? sql`` : sql`distinct`} ${keys} from ${scopeTable(shape, table)} s
    where not s.spared and not ${removed(shape, table, "s")}`;
};

/** Where a row was and where it is by now, of a table without a key. */
export const places = (shape: Shape, table: string): RawBuilder<unknown> =>
  hasNoKey(scopeFor(shape, table)) ? sql`, s.k1 as o1, s.k2 as o2, t.tableoid as n1, t.ctid as n2` : sql``;

/** The entries of such rows follow them, whatever comes after: another cut, the table's own rule, or who reads back. */
export const following = (shape: Shape, table: string): RawBuilder<unknown> =>
  hasNoKey(scopeFor(shape, table))
    ? sql`, followed as (update ${scopeTable(shape, table)} z set k1 = c.n1, k2 = c.n2 from changed c where z.k1 = c.o1 and z.k2 = c.o2)`
    : sql``;
