import { sql, type Kysely, type RawBuilder } from "kysely";
import { remediesOf } from "#records/plan.ts";
import type { PlannedBlocker, RemedySet, RowSet, Shape } from "#records/plan.ts";
import { keyNames, refersIntoScope, sameRow, scopeTable, tableName } from "#scope/sql.ts";
import { remedyTable, removed, sharedRows, stoppedRows } from "#scope/stopped.ts";

/**
 * Which rows the scope tables hold, as counts and order-independent fingerprints: the part of a plan that says what the data was.
 * XOR of 64-bit record hashes: the rows of a set are distinct, so no two cancel out. `secret`, a signed 64-bit number in decimal, keeps
 * whoever reads a plan later from trying out whose keys they are (I8).
 */
export const readRowSets = async (db: Kysely<unknown>, shape: Shape, secret: string): Promise<readonly RowSet[]> => {
  const parts = shape.scopes.map((scope) => {
    const names = sql.join(["request", ...keyNames(scope), "spared"].map((name) => sql.id(name)));
    return sql`select ${scope.table}::text as "table", count(*) as rows, count(*) filter (where spared) as spared,
      coalesce(bit_xor(hash_record_extended(row(${names}), ${secret}::bigint)), 0)::text as fingerprint from ${scopeTable(shape, scope.table)} s
      where not ${removed(shape, scope.table, "s")}`;
  });
  const result = await sql<RowSet>`${sql.join(parts, sql` union all `)}`.execute(db);
  return result.rows.map(({ table, rows, spared, fingerprint }) => ({ table, rows, spared, fingerprint }));
};

/** The rows that the remedies change, in the same form. */
export const readRemedySets = async (
  db: Kysely<unknown>,
  shape: Shape,
  secret: string,
): Promise<readonly RemedySet[]> => {
  const parts = remediesOf(shape).map(({ code, table, remedy }, position) => {
    const names = sql.join(["request", ...keyNames(remedy)].map((name) => sql.id(name)));
    return sql`select ${code}::text as code, ${table}::text as "table", count(*) as rows,
      coalesce(bit_xor(hash_record_extended(row(${names}), ${secret}::bigint)), 0)::text as fingerprint from ${remedyTable(position)}`;
  });
  if (parts.length === 0) return [];
  const result = await sql<RemedySet>`${sql.join(parts, sql` union all `)}`.execute(db);
  return result.rows.map(({ code, table, rows, fingerprint }) => ({ code, table, rows, fingerprint }));
};

/** A request that may not run now, and why. */
export type Blocked = {
  readonly request: number;
  readonly code: string;
  readonly table: string;
  readonly rows: number;
  /** Codes of the other blockers that apply. */
  readonly also: readonly string[];
};

/**
 * Evaluates every blocker that has no remedy over the whole batch, a statement each; the first one of the policy that applies names the
 * request, and the others are listed. So does a remedy's row that somebody else shares. A shared row whose reference to an erased row cannot be set to NULL blocks too: it could be neither
 * erased nor cut loose.
 */
export const readBlocked = async (db: Kysely<unknown>, shape: Shape): Promise<readonly Blocked[]> => {
  const blocked = new Map<number, Blocked>();
  const blocking = shape.blockers.filter(({ remedy }) => remedy === undefined);
  const shared = remediesOf(shape).filter(({ whose }) => whose === undefined);
  const queries = [
    ...blocking.map((blocker) => blockerQuery(blocker, stoppedRows(shape, blocker, []))),
    ...shared.map((blocker) => blockerQuery(blocker, sharedRows(shape, blocker))),
    ...sharedQueries(shape),
  ];
  for (const query of queries) {
    for (const row of (await query.execute(db)).rows) {
      const first = blocked.get(row.request);
      if (first === undefined) blocked.set(row.request, { ...row, also: [] });
      else if (first.code !== row.code) {
        blocked.set(row.request, { ...first, also: [...new Set([...first.also, row.code])] });
      }
    }
  }
  return [...blocked.values()];
};

/** How many rows are still such that a remedy was needed: none, once the remedies have run. */
export const readUnremedied = async (
  db: Kysely<unknown>,
  shape: Shape,
): Promise<{ readonly code: string; readonly rows: number } | undefined> => {
  for (const remedied of remediesOf(shape)) {
    const found = await sql<{
      rows: number;
    }>`select count(*) as rows from (${stoppedRows(shape, remedied, [])}) stopped`.execute(db);
    const rows = found.rows[0]?.rows ?? 0;
    if (rows > 0) return { code: remedied.code, rows };
  }
  return undefined;
};

const blockerQuery = ({ code, table }: PlannedBlocker, rows: RawBuilder<unknown>) =>
  sql<
    Omit<Blocked, "also">
  >`select request, ${code}::text as code, ${table}::text as "table", count(*) as rows from (${rows}) stopped group by request`;

const sharedQueries = (shape: Shape) => {
  const erased = new Set(shape.steps.filter((step) => step.kind === "erase").map((step) => step.table));
  return shape.scopes
    .filter((scope) => scope.contested || scope.uses.length > 0)
    .flatMap((scope) =>
      [
        ...scope.via.flatMap(({ edge, direction }) => (direction === "refers" ? [edge] : [])),
        ...(scope.self ? [scope.self] : []),
      ]
        .filter((edge) => edge.declared === "foreign-key" && !edge.nullable && erased.has(edge.to.table))
        .map(
          (edge) => sql<
            Omit<Blocked, "also">
          >`select s.request, 'SHARED_ROW'::text as code, ${scope.table}::text as "table", count(*) as rows
            from ${scopeTable(shape, scope.table)} s join ${tableName(scope.table)} t on ${sameRow(scope, "t", "s")}
            where s.spared and ${refersIntoScope(shape, edge, "t")} group by s.request`,
        ),
    );
};
