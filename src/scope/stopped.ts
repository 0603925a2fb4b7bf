import { sql, type RawBuilder } from "kysely";
import { remediesOf, type Edge, type PlannedBlocker, type Shape } from "#records/plan.ts";
import { conditionsSql } from "#scope/conditions.ts";
import { and, column, keyNames, refers, sameRow, scopeOf, scopeTable, tableName } from "#scope/sql.ts";

/** The temporary table of the rows that a remedy changes: request, row key. */
export const remedyTable = (position: number): RawBuilder<unknown> => sql.id("pg_temp", `lethe_remedy_${position}`);

/**
 * The rows at which a blocker stops, for all subjects of the batch at once: `select request, columns of t …`. The ways go
 * along references to one row each, so a row comes up once for each request that it stops.
 */
export const stoppedRows = (
  shape: Shape,
  { table, when, whose, other }: PlannedBlocker,
  columns: readonly string[],
): RawBuilder<unknown> => {
  const values = sql.join(
    columns.map((name) => sql`, ${column("t", name)}`),
    sql``,
  );
  if (whose === undefined) {
    const scope = scopeOf(shape, table);
    if (scope === undefined) throw new TypeError(`a blocker on ${table}, which has no scope`);
    return sql`select s.request${values} from ${scopeTable(shape, table)} s
      join ${tableName(table)} t on ${sameRow(scope, "t", "s")} where ${conditionsSql("t", when)}`;
  }
  const { root } = shape;
  const rootScope = scopeOf(shape, root.table);
  if (rootScope === undefined) throw new TypeError("the root has no scope");
  const alias = (index: number): string => (index === 0 ? "t" : index === whose.length ? "r" : `w${index}`);
  const joins = whose
    .map(
      (edge, index) => sql`join ${tableName(edge.table)} ${sql.id(alias(index))}
      on ${refers(edge, alias(index), alias(index + 1))}`,
    )
    .toReversed();
  const conditions = [conditionsSql("t", when), ...(other === undefined ? [] : [leadsElsewhere(shape, other)])];
  return sql`select p.request${values} from ${scopeTable(shape, root.table)} p
    join ${tableName(root.table)} r on ${sameRow(rootScope, "r", "p")} ${sql.join(joins, sql` `)} where ${and(conditions)}`;
};

/** The way leads from the row `t` to a root row that is not the subject's own `r`. */
const leadsElsewhere = ({ root }: Shape, way: readonly Edge[]): RawBuilder<unknown> => {
  const [first, ...rest] = way;
  if (first === undefined) throw new TypeError("a way has at least one reference");
  const only = rest.length === 0 && first.to.columns[0] === root.key && first.asText === undefined;
  if (only && Object.keys(first.where).length === 0) {
    return sql`${column("t", first.columns[0] ?? "")} <> ${column("r", root.key)}`;
  }
  const joins = rest.map(
    (edge, index) => sql`join ${tableName(edge.to.table)} ${sql.id(`o${index + 1}`)}
      on ${refers(edge, `o${index}`, `o${index + 1}`)}`,
  );
  return sql`exists (select from ${tableName(first.to.table)} o0 ${sql.join(joins, sql` `)}
    where ${refers(first, "t", "o0")} and ${column(`o${rest.length}`, root.key)} <> ${column("r", root.key)})`;
};

/**
 * The row `alias` is none that a remedy removes, and none whose reference along `edge` a remedy empties: a condition for each remedy. Of rows
 * that may be somebody else's as well, only those count of which the policy says `whose` they are.
 */
export const notRemediedAway = (
  shape: Shape,
  edge: Edge,
  alias: string,
  rows: "others" | "shared",
): readonly RawBuilder<unknown>[] =>
  remediesOf(shape).flatMap(({ table, whose, remedy }, position) => {
    const { kind, changes } = remedy;
    const away = kind === "remove" || (kind === "unlink" && changes.some(({ name }) => edge.columns.includes(name)));
    if (table !== edge.table || !away || (rows === "shared" && whose === undefined)) return [];
    return [sql`not exists (select from ${remedyTable(position)} z where ${sameRow(remedy, alias, "z")})`];
  });

/** The entry `alias` of a table's scope is of a row that a remedy removes. */
export const removed = (shape: Shape, table: string, alias: string): RawBuilder<unknown> =>
  removedBy(shape, table, alias, () => true);

/** Likewise, and the policy says whose such rows are: whoever else they belong to. */
export const givenAway = (shape: Shape, table: string, alias: string): RawBuilder<unknown> =>
  removedBy(shape, table, alias, ({ whose }) => whose !== undefined);

const removedBy = (
  shape: Shape,
  table: string,
  alias: string,
  which: (blocker: PlannedBlocker) => boolean,
): RawBuilder<unknown> => {
  const conditions = remediesOf(shape).flatMap((blocker, position) => {
    if (blocker.table !== table || blocker.remedy.kind !== "remove" || !which(blocker)) return [];
    const same = and(keyNames(blocker.remedy).map((name) => sql`${column(alias, name)} = ${column("z", name)}`));
    return [sql`exists (select from ${remedyTable(position)} z where ${same})`];
  });
  return conditions.length === 0 ? sql`false` : sql`(${sql.join(conditions, sql` or `)})`;
};

/** Rows that a remedy would settle, were they not somebody else's as well: `select request …`. */
export const sharedRows = (shape: Shape, { table, when }: PlannedBlocker): RawBuilder<unknown> => {
  const scope = scopeOf(shape, table);
  if (scope === undefined) throw new TypeError(`a blocker on ${table}, which has no scope`);
  return sql`select s.request from ${scopeTable(shape, table)} s
    join ${tableName(table)} t on ${sameRow(scope, "t", "s")} where s.spared and ${conditionsSql("t", when)}`;
};
