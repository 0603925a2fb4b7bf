import { sql, type Kysely, type RawBuilder } from "kysely";
import { parentOf, remediesOf, type Scope, type Shape } from "#records/plan.ts";
import {
  and,
  column,
  entriesOf,
  inScope,
  keyNames,
  refers,
  refersIntoScope,
  sameRow,
  scopeOf,
  scopeTable,
  tableName,
} from "#scope/sql.ts";
import { givenAway, notRemediedAway, remedyTable, stoppedRows } from "#scope/stopped.ts";

/**
 * Which rows the remedies change. A row that one removes stays in scope: it is the subject's to export and to tell others of, and what
 * hangs on it goes as well. No step finds it any more, and none counts it.
 */
export const selectRemedied = async (db: Kysely<unknown>, shape: Shape): Promise<void> => {
  for (const [position, { remedy, ...blocker }] of remediesOf(shape).entries()) {
    const rows = stoppedRows(shape, { ...blocker, remedy }, remedy.key);
    await sql`insert into ${remedyTable(position)} ${rows}`.execute(db);
  }
};

/** Spares what others share (I5), in the scope tables and from the remedies: what a remedy leaves may be what uses another row. */
export const spareShared = async (db: Kysely<unknown>, shape: Shape): Promise<void> => {
  do await spare(db, shape);
  while (await leaveShared(db, shape));
};

/**
 * Rows that somebody else shares, or that only such rows lead to, are no remedy's to change, unless the policy says `whose` they are. Returns
 * whether there were any.
 */
const leaveShared = async (db: Kysely<unknown>, shape: Shape): Promise<boolean> => {
  let any = false;
  for (const [position, { table, whose, remedy }] of remediesOf(shape).entries()) {
    if (whose !== undefined) continue;
    const sameKey = and(keyNames(remedy).map((name) => sql`${column("s", name)} = ${column("z", name)}`));
    const left = await sql`delete from ${remedyTable(position)} z where not exists (
      select from ${scopeTable(shape, table)} s where s.request = z.request and ${sameKey} and not s.spared)`.execute(
      db,
    );
    if ((left.numAffectedRows ?? 0n) > 0n) any = true;
  }
  return any;
};

/**
 * Marks rows that somebody outside the batch also owns or uses, then drops rows that are reached only through marked ones; again until
 * nothing changes, because a dropped row may be what still used another. Each round looks only where the one before has changed something.
 */
const spare = async (db: Kysely<unknown>, shape: Shape): Promise<void> => {
  const contested = shape.scopes.filter((scope) => scope.contested || scope.uses.length > 0);
  let changed: ReadonlySet<string> = new Set(shape.scopes.map(({ table }) => table));
  while (changed.size > 0) {
    const marked = new Set<string>();
    for (const scope of contested) {
      if (!looksAt(scope, changed)) continue;
      const result = await markSpared(shape, scope).execute(db);
      if ((result.numAffectedRows ?? 0n) > 0n) marked.add(scope.table);
    }
    changed = await dropReachedThrough(db, shape, marked);
  }
};

/** Whether a change in one of the tables may change which rows of the scope somebody else owns or uses. */
const looksAt = ({ via, uses }: Scope, changed: ReadonlySet<string>): boolean =>
  via.some(({ edge }) => changed.has(edge.to.table)) || uses.some((edge) => changed.has(edge.table));

/** Drops what only rows that are marked, or dropped here, lead to. Returns the tables in which rows were marked or dropped. */
const dropReachedThrough = async (
  db: Kysely<unknown>,
  shape: Shape,
  marked: ReadonlySet<string>,
): Promise<ReadonlySet<string>> => {
  const changed = new Set(marked);
  if (changed.size === 0) return changed;
  for (const scope of shape.scopes) {
    const leads = [...scope.via.map(parentOf), ...(scope.self === undefined ? [] : [scope.table])];
    if (scope.via.length === 0 || !leads.some((table) => changed.has(table))) continue;
    // A drop in a hierarchy may leave what hung on the dropped row.
    for (let dropped = true; dropped;) {
      const result = await dropOrphans(shape, scope).execute(db);
      const any = (result.numAffectedRows ?? 0n) > 0n;
      if (any) changed.add(scope.table);
      dropped = scope.self !== undefined && any;
    }
  }
  return changed;
};

/**
 * Every way of being somebody else's is a join of its own, and what it must not find an anti-join: the planner hashes both. As one condition
 * with OR it would look through the scope tables, which have no index, once for each row.
 */
const markSpared = (shape: Shape, scope: Scope): RawBuilder<unknown> => {
  const table = scopeTable(shape, scope.table);
  const keys = sql.join(keyNames(scope).map((name) => column("s", name)));
  const rows = sql`${table} s join ${tableName(scope.table)} t on ${sameRow(scope, "t", "s")}`;
  const owners = scope.contested ? scope.via.filter((via) => via.direction === "refers") : [];
  const others = [
    // An owner that exists and is not in scope is alive. A foreign key that is null, or a link that leads nowhere, names nobody.
    ...owners.map(
      ({ edge }) => sql`select ${keys} from ${rows} where not s.spared
        and exists (select from ${tableName(edge.to.table)} o where ${refers(edge, "t", "o")})
        and not ${refersIntoScope(shape, edge, "t")} and ${and(notRemediedAway(shape, edge, "t", "shared"))}`,
    ),
    ...scope.uses.map(
      (
        edge,
      ) => sql`select ${keys} from ${rows} join ${tableName(edge.table)} u on ${refers(edge, "u", "t")} where not s.spared
        and not ${inScope(shape, edge.table, "u")} and ${and(notRemediedAway(shape, edge, "u", "others"))}`,
    ),
  ];
  const sameKey = and(keyNames(scope).map((name) => sql`${column("s", name)} = ${column("x", name)}`));
  return sql`update ${table} s set spared = true from (${sql.join(others, sql` union `)}) x
    where not s.spared and ${sameKey} and not ${givenAway(shape, scope.table, "s")}`;
};

const dropOrphans = (shape: Shape, scope: Scope): RawBuilder<unknown> => {
  const ways = scope.via.map((via) => {
    const parent = parentOf(via);
    const parentScope = scopeOf(shape, parent) as Scope;
    const entries =
      via.direction === "refers"
        ? entriesOf(shape, parentScope, via.edge, "t")
        : sql`from ${tableName(parent)} q join ${scopeTable(shape, parent)} p on ${sameRow(parentScope, "q", "p")}
            where ${refers(via.edge, "q", "t")}`;
    return sql`not exists (select ${entries} and not p.spared and p.request = s.request)`;
  });
  const family =
    scope.self === undefined
      ? []
      : [
          sql`not exists (select ${entriesOf(shape, scope, scope.self, "t")} and not p.spared and p.request = s.request
            and not (${sameRow(scope, "t", "p")}))`,
        ];
  return sql`delete from ${scopeTable(shape, scope.table)} s using ${tableName(scope.table)} t
    where ${sameRow(scope, "t", "s")} and ${and([...ways, ...family])}`;
};
