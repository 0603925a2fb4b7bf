import { sql, type Kysely, type RawBuilder } from "kysely";
import type pg from "pg";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { parentOf, remediesOf } from "#records/plan.ts";
import type { Scope, Shape, Via } from "#records/plan.ts";
import {
  and,
  applies,
  carriedBy,
  column,
  hasOneWay,
  keyNames,
  refers,
  same,
  sameRow,
  scopeOf,
  scopeTable,
  subjects,
  tableName,
  type Carried,
} from "#scope/sql.ts";
import { drawnColumns } from "#scope/drawn.ts";
import { selectRemedied, spareShared } from "#scope/spare.ts";
import { remedyTable } from "#scope/stopped.ts";

/** A subject of the batch: its root row by key, and what to redact inside its own rows (a POSIX pattern, or null). */
export type ScopeSubject = {
  readonly request: number;
  readonly ref: string;
  readonly key: string;
  readonly pattern: string | null;
};

/**
 * Makes the session's temporary tables, once; they empty themselves at every commit. Made outside the transactions, because a
 * read-only one may fill a temporary table but not create it. They are never analysed: statistics would carry keys and
 * identifiers into `pg_statistic`, and the planner counts pages anyway.
 */
export const createScopeTables = async (db: Kysely<unknown>, shape: Shape): Promise<void> => {
  await sql`create temporary table if not exists lethe_subject (
    request bigint not null, ref text not null, key text not null, pattern text) on commit delete rows`.execute(db);
  for (const [position, scope] of shape.scopes.entries()) {
    const columns = [
      ...columnsOf(shape, scope).map(({ name, value }) => sql`${value("t")} as ${sql.id(name)}`),
      ...drawnColumns(shape, scope.table),
    ];
    await sql`create temporary table if not exists ${sql.id(`lethe_scope_${position}`)} on commit delete rows as
      select 0::bigint as request, ${sql.join(columns)}, false as spared from ${tableName(scope.table)} t where false`.execute(
      db,
    );
  }
  for (const [position, { table, remedy }] of remediesOf(shape).entries()) {
    const columns = remedy.key.map((name, index) => sql`${column("t", name)} as ${sql.id(`k${index + 1}`)}`);
    await sql`create temporary table if not exists ${remedyTable(position)} on commit delete rows as
      select 0::bigint as request, ${sql.join(columns)} from ${tableName(table)} t where false`.execute(db);
  }
};

/**
 * Fills the scope tables for the batch, one statement a table and way in: which rows belong to whom. The caller's transaction
 * gives the snapshot. Rows that a live subject also uses come out `spared`; rows reached only through spared rows are not in scope.
 */
export const deriveScopes = async (
  client: pg.PoolClient,
  db: Kysely<unknown>,
  shape: Shape,
  batch: readonly ScopeSubject[],
): Promise<void> => {
  await fillScopes(client, db, shape, batch);
  await selectRemedied(db, shape);
  await spareShared(db, shape);
};

/** The same with nothing spared: every row that belongs to one of the subjects, whoever else uses it. What is to be protected is looked up so. */
export const fillScopes = async (
  client: pg.PoolClient,
  db: Kysely<unknown>,
  shape: Shape,
  batch: readonly ScopeSubject[],
): Promise<void> => {
  await copyInto(
    client,
    "pg_temp.lethe_subject (request, ref, key, pattern)",
    batch.map(({ request, ref, key, pattern }): CopyValue[] => [request, ref, key, pattern]),
  );
  for (const scope of shape.scopes) {
    await fill(shape, scope).execute(db);
    if (scope.self !== undefined) await fillChildren(shape, scope).execute(db);
  }
};

/** What a scope table holds of each row besides the request: its key, and what the batch has to remember of it. */
const columnsOf = (shape: Shape, scope: Scope): readonly Carried[] => [
  ...keyNames(scope).map((name, index): Carried => ({
    name,
    value: (alias) => column(alias, scope.key[index] ?? name),
  })),
  ...carriedBy(shape, scope.table),
];

const namesOf = (shape: Shape, scope: Scope): RawBuilder<unknown> =>
  sql.join(columnsOf(shape, scope).map(({ name }) => sql.id(name)));

const valuesOf = (shape: Shape, scope: Scope): RawBuilder<unknown> =>
  sql.join(columnsOf(shape, scope).map(({ value }) => value("t")));

/** Rows that triggers of this very batch copied into a table since its scope was derived. */
export const deriveAgain = async (db: Kysely<unknown>, shape: Shape, scope: Scope): Promise<void> => {
  const names = namesOf(shape, scope);
  await sql`insert into ${scopeTable(shape, scope.table)} (request, ${names}, spared)
    select request, ${names}, false from (${rowsOf(shape, scope)}) w (request, ${names})
    where not exists (select from ${scopeTable(shape, scope.table)} s where ${and(keyNames(scope).map((name) => sql`${sql.ref(`s.${name}`)} = ${sql.ref(`w.${name}`)}`))})`.execute(
    db,
  );
};

const fill = (shape: Shape, scope: Scope): RawBuilder<unknown> => {
  const names = namesOf(shape, scope);
  // Tables of the whole shape hold more than its first part fills.
  return sql`insert into ${scopeTable(shape, scope.table)} (request, ${names}, spared)
    select request, ${names}, false from (${rowsOf(shape, scope)}) w (request, ${names})`;
};

/** `request, key…` of the rows that belong to the batch. */
const rowsOf = (shape: Shape, scope: Scope): RawBuilder<unknown> => {
  const values = valuesOf(shape, scope);
  if (scope.table === shape.root.table) {
    return sql`select s.request, ${values} from ${subjects} s
      join ${tableName(scope.table)} t on ${column("t", shape.root.key)} = s.key::${sql.raw(shape.root.keyType)}`;
  }
  const ways = scope.via.map(
    (via) => sql`select p.request, ${values} from ${wayIn(shape, scope, via)} where not p.spared`,
  );
  // A row that is reached in two ways, or in one way from two rows, is in scope once.
  return hasOneWay(shape, scope) ? sql.join(ways) : sql`select distinct * from (${sql.join(ways, sql` union all `)}) u`;
};

const wayIn = (shape: Shape, scope: Scope, via: Via): RawBuilder<unknown> => {
  const parent = parentOf(via);
  const parentScope = scopeOf(shape, parent);
  if (parentScope === undefined) throw new TypeError(`${scope.table} is reached through ${parent}, which has no scope`);
  const [t, q, p] = [tableName(scope.table), tableName(parent), scopeTable(shape, parent)];
  if (via.direction === "referred") {
    return sql`${p} p join ${q} q on ${sameRow(parentScope, "q", "p")} join ${t} t on ${refers(via.edge, "q", "t")}`;
  }
  // By the parent's key alone where that is what is referred to: the parent's row itself may be gone already.
  const direct =
    parentScope.key.length === via.edge.to.columns.length &&
    parentScope.key.every((name, index) => via.edge.to.columns[index] === name);
  if (!direct)
    return sql`${p} p join ${q} q on ${sameRow(parentScope, "q", "p")} join ${t} t on ${refers(via.edge, "t", "q")}`;
  const joined = via.edge.columns.map((name, index) => same(via.edge, column("t", name), column("p", `k${index + 1}`)));
  return sql`${p} p join ${t} t on ${and([...joined, ...applies(via.edge, "t")])}`;
};

const fillChildren = (shape: Shape, scope: Scope): RawBuilder<unknown> => {
  const target = scopeTable(shape, scope.table);
  const t = tableName(scope.table);
  const edge = scope.self;
  if (edge === undefined) throw new TypeError("no self reference");
  const names = namesOf(shape, scope);
  const values = valuesOf(shape, scope);
  return sql`with recursive family (request, ${names}) as (
      select request, ${names} from ${target}
      union
      select f.request, ${values} from family f
      join ${t} q on ${sameRow(scope, "q", "f")} join ${t} t on ${refers(edge, "t", "q")})
    insert into ${target} (request, ${names}, spared) select request, ${names}, false from family
    except select request, ${names}, false from ${target}`;
};
