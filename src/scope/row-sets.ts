import { sql, type Kysely } from "kysely";
import type { Blocker, Condition } from "#policy/policy.ts";
import type { RowSet, Shape } from "#records/plan.ts";
import { and, column, keyNames, refersIntoScope, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

/**
 * Which rows the scope tables hold, as counts and order-independent fingerprints: the part of a plan that says what the data was.
 * XOR of 64-bit record hashes: the rows of a set are distinct, so no two cancel out. `secret`, a signed 64-bit number in decimal, keeps
 * whoever reads a plan later from trying out whose keys they are (I8).
 */
export const readRowSets = async (db: Kysely<unknown>, shape: Shape, secret: string): Promise<readonly RowSet[]> => {
  const parts = shape.scopes.map((scope) => {
    const names = sql.join(["request", ...keyNames(scope), "spared"].map((name) => sql.id(name)));
    return sql`select ${scope.table}::text as "table", count(*) as rows, count(*) filter (where spared) as spared,
      coalesce(bit_xor(hash_record_extended(row(${names}), ${secret}::bigint)), 0)::text as fingerprint from ${scopeTable(shape, scope.table)}`;
  });
  const result = await sql<RowSet>`${sql.join(parts, sql` union all `)}`.execute(db);
  return result.rows.map(({ table, rows, spared, fingerprint }) => ({ table, rows, spared, fingerprint }));
};

/** A request that may not run now, and why. */
export type Blocked = {
  readonly request: number;
  readonly code: string;
  readonly table: string;
  readonly rows: number;
};

/**
 * Evaluates every blocker over the whole batch, a statement each; the first blocker of the policy that applies names the request. A shared row
 * whose reference to an erased row cannot be set to NULL blocks too: it could be neither erased nor cut loose.
 */
export const readBlocked = async (db: Kysely<unknown>, shape: Shape): Promise<readonly Blocked[]> => {
  const blocked = new Map<number, Blocked>();
  for (const query of [...shape.blockers.map((blocker) => blockerQuery(shape, blocker)), ...sharedQueries(shape)]) {
    for (const row of (await query.execute(db)).rows) if (!blocked.has(row.request)) blocked.set(row.request, row);
  }
  return [...blocked.values()];
};

const blockerQuery = (shape: Shape, blocker: Blocker) => {
  const scope = scopeOf(shape, blocker.table);
  if (scope === undefined) throw new TypeError(`blocker on ${blocker.table}, which has no scope`);
  const conditions = Object.entries(blocker.when).map(([name, condition]) => conditionSql(name, condition));
  return sql<Blocked>`select s.request, ${blocker.code}::text as code, ${blocker.table}::text as "table", count(*) as rows
    from ${scopeTable(shape, blocker.table)} s join ${tableName(blocker.table)} t on ${sameRow(scope, "t", "s")}
    where ${and(conditions)} group by s.request`;
};

const comparisons = { gt: sql`>`, gte: sql`>=`, lt: sql`<`, lte: sql`<=`, not: sql`is distinct from` } as const;

const conditionSql = (name: string, condition: Condition) => {
  const value = column("t", name);
  // As text, so that one form serves numbers, enums and booleans.
  if ("in" in condition) return sql`${value}::text = any (${condition.in.map(String)})`;
  if ("isNull" in condition) return condition.isNull ? sql`${value} is null` : sql`${value} is not null`;
  return sql`${value} ${comparisons[condition.compare]} ${condition.value}`;
};

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
          (
            edge,
          ) => sql<Blocked>`select s.request, 'SHARED_ROW'::text as code, ${scope.table}::text as "table", count(*) as rows
            from ${scopeTable(shape, scope.table)} s join ${tableName(scope.table)} t on ${sameRow(scope, "t", "s")}
            where s.spared and ${refersIntoScope(shape, edge, "t")} group by s.request`,
        ),
    );
};
