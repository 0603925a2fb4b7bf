import { sql, type RawBuilder } from "kysely";
import { coarserSql, isCoarser } from "#scope/coarser.ts";
import { identifier } from "#lib/sql-text.ts";
import type { Conserve } from "#policy/policy.ts";
import type { Analysis, Edge, Scope, Shape } from "#records/plan.ts";

/** `customers` or `billing.customers`, quoted. */
export const tableName = (name: string): RawBuilder<unknown> => {
  const [first, second] = name.split(".", 2);
  return second === undefined ? sql.id("public", first ?? name) : sql.id(first ?? name, second);
};

/** The same as text, with its schema: without quotes, and as PostgreSQL reads it as `regclass`. */
export const relationOf = (name: string): string => (name.includes(".") ? name : `public.${name}`);
export const relationText = (name: string): string => {
  const [schema = "", ...rest] = relationOf(name).split(".");
  return `${identifier(schema)}.${identifier(rest.join("."))}`;
};

// Not sql.ref, which would take a dot inside a column's name for a separator.
export const column = (alias: string, name: string): RawBuilder<unknown> => sql.id(alias, name);

export const and = (conditions: readonly RawBuilder<unknown>[]): RawBuilder<unknown> =>
  conditions.length === 0 ? sql`true` : sql.join([...conditions], sql` and `);

/** The temporary table of the batch's subjects: request, reference, key of the root row as text, patterns to redact. */
export const subjects = sql.id("pg_temp", "lethe_subject");

export const scopeTable = (shape: Shape, table: string): RawBuilder<unknown> => {
  const position = shape.scopes.findIndex((scope) => scope.table === table);
  if (position < 0) throw new TypeError(`no scope for ${table}`);
  return sql.id("pg_temp", `lethe_scope_${position}`);
};

export const scopeOf = (shape: Shape, table: string): Scope | undefined =>
  shape.scopes.find((scope) => scope.table === table);

/** What identifies the rows that a temporary table of the batch holds entries of. */
type Keyed = { readonly key: readonly string[] };

/** `k1, k2, …`: such a table's columns for the row key. */
export const keyNames = ({ key }: Keyed): readonly string[] => key.map((_, index) => `k${index + 1}`);

/** `t.id = s.k1 and …` */
export const sameRow = ({ key }: Keyed, table: string, entry: string): RawBuilder<unknown> =>
  and(key.map((name, index) => sql`${column(table, name)} = ${column(entry, `k${index + 1}`)}`));

/** `child.customer_id = parent.id` under the edge, and the link's own condition. */
export const refers = (edge: Edge, child: string, parent: string): RawBuilder<unknown> =>
  and([
    ...edge.columns.map((name, index) => same(edge, column(child, name), column(parent, edge.to.columns[index] ?? ""))),
    ...applies(edge, child),
  ]);

/** One column of a reference and what it refers to, compared as the edge says. */
export const same = (edge: Edge, from: RawBuilder<unknown>, to: RawBuilder<unknown>): RawBuilder<unknown> => {
  if (edge.asText === "to") return sql`${from} = ${to}::text`;
  return edge.asText === "both" ? sql`${from}::text = ${to}::text` : sql`${from} = ${to}`;
};

export const applies = (edge: Edge, child: string): RawBuilder<unknown>[] =>
  Object.entries(edge.where).map(([name, value]) => sql`${column(child, name)}::text = ${value}`);

/**
 * `from … where …`: the entries `p` of the rows in scope to which the row `child` refers along the edge. What refers to the key under which
 * a row is entered need not look at the row.
 */
export const entriesOf = (shape: Shape, { key }: Scope, edge: Edge, child: string): RawBuilder<unknown> => {
  const entries = scopeTable(shape, edge.to.table);
  const positions = edge.to.columns.map((name) => key.indexOf(name));
  if (positions.includes(-1)) {
    return sql`from ${tableName(edge.to.table)} q join ${entries} p on ${sameRow({ key }, "q", "p")} where ${refers(edge, child, "q")}`;
  }
  const columns = positions.map((position) => `k${position + 1}`);
  return sql`from ${entries} p where ${refers({ ...edge, to: { ...edge.to, columns } }, child, "p")}`;
};

/** The row of `child` refers to a row that is in scope for good. */
export const refersIntoScope = (shape: Shape, edge: Edge, child: string): RawBuilder<unknown> => {
  const scope = scopeOf(shape, edge.to.table);
  return scope === undefined
    ? sql`false`
    : sql`exists (select ${entriesOf(shape, scope, edge, child)} and not p.spared)`;
};

/** The row of `child` refers to a row of a subject that is spared. */
export const refersToSpared = (shape: Shape, edge: Edge, child: string): RawBuilder<unknown> => {
  const scope = scopeOf(shape, edge.to.table);
  return scope === undefined ? sql`false` : sql`exists (select ${entriesOf(shape, scope, edge, child)} and p.spared)`;
};

/**
 * Whether one way leads to each row, and from one row only: then no two subjects of a batch have it in common, nor one
 * subject twice. A foreign key leads to one row; a link may lead to several with the same value.
 */
export const hasOneWay = (shape: Shape, { via }: Scope): boolean => {
  const [only] = via;
  if (via.length !== 1 || only === undefined || only.direction !== "refers") return false;
  if (only.edge.declared === "foreign-key") return true;
  const key = scopeOf(shape, only.edge.to.table)?.key;
  return key?.length === 1 && key[0] === only.edge.to.columns[0];
};

/** No two subjects of a batch can have a row of this table in common; requests for the same person count as one. */
export const hasOneOwner = (shape: Shape, scope: Scope): boolean => {
  if (scope.table === shape.root.table) return true;
  if (scope.self !== undefined || !hasOneWay(shape, scope)) return false;
  const parent = scopeOf(shape, scope.via[0]?.edge.to.table ?? "");
  return parent !== undefined && hasOneOwner(shape, parent);
};

/** The row `alias` of `table` is in scope and not spared. */
export const inScope = (shape: Shape, table: string, alias: string): RawBuilder<unknown> => {
  const scope = scopeOf(shape, table);
  if (scope === undefined) return sql`false`;
  return sql`exists (select from ${scopeTable(shape, table)} z where ${sameRow(scope, alias, "z")} and not z.spared)`;
};

/** A value of a row as it was before the batch, which its scope table carries along with the row's key. */
export type Carried = { readonly name: string; readonly value: (alias: string) => RawBuilder<unknown> };

/** What is measured and proved of a table, whether its rows are anonymised or, at the deadline, go. */
export const analysisOf = ({ steps }: Shape, table: string): Analysis | undefined => {
  for (const step of steps) {
    if (step.table !== table || step.kind === "cut") continue;
    if (step.kind === "anonymise") return step.analysis;
    if (step.kind === "erase") return step.late;
  }
  return undefined;
};

/**
 * What a table with totals to conserve carries: the period of each row, and its share of each total. Read in the same
 * snapshot as the keys, so that the statement that changes the rows need not read them a second time.
 */
export const carriedBy = (shape: Shape, table: string): readonly Carried[] => {
  const analysis = analysisOf(shape, table);
  if (analysis === undefined || analysis.conserve.length === 0) return [];
  return [
    { name: "old_period", value: (alias) => periodOf(analysis, alias) },
    { name: "old_dimensions", value: (alias) => dimensionsOf(analysis, alias, "before") },
    ...analysis.conserve.map((total, index): Carried => ({
      name: `old${index}`,
      value: (alias) => shareOf(total, alias),
    })),
  ];
};

/** The first day of the period that a row belongs to; without a clock all rows share one. */
export const periodOf = ({ clock, zone, per }: Analysis, alias: string): RawBuilder<unknown> => {
  if (clock === undefined) return sql`date '0001-01-01'`;
  const value = column(alias, clock);
  return sql`date_trunc(${sql.lit(per)}, ${zone === undefined ? value : sql`${value} at time zone ${sql.lit(zone)}`})::date`;
};

/** By what its total is divided beside the period, as JSON: what the rule makes coarser is as coarse on both sides. */
export const dimensionsOf = (
  { by }: Pick<Analysis, "by">,
  alias: string,
  side: "before" | "after",
): RawBuilder<unknown> => {
  const values = by.flatMap(({ name, type, transform }) => {
    const value = column(alias, name);
    const is = side === "after" || !isCoarser(transform) ? value : coarserSql(value, type, transform);
    return [sql`${sql.lit(name)}::text`, sql`(${is})::text`];
  });
  return sql`jsonb_build_object(${sql.join(values)})`;
};

/** What a row adds to a total. */
export const shareOf = (total: Conserve, alias: string): RawBuilder<unknown> => {
  switch (total.measure) {
    case "count":
      return sql`1::numeric`;
    case "sum":
      return sql`${column(alias, total.column)}::numeric`;
    case "distinct":
      // Which value it is matters to nobody: only how many there are.
      return sql`hashtextextended(${column(alias, total.column)}::text, 0)::numeric`;
  }
};

/** Whether a share can be added up. */
export const isFinite = (share: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`${share} not in ('NaN', 'Infinity', '-Infinity')`;

/** What such shares come to, as far as they can be added up: one NaN would make every sum the same, whatever became of the others. */
export const totalOf = ({ measure }: Conserve, share: RawBuilder<unknown>): RawBuilder<unknown> =>
  measure === "distinct"
    ? sql`count(distinct ${share})::numeric`
    : sql`sum(${share}) filter (where ${isFinite(share)})`;

/** How many of them cannot be added up: as many as before, or something has changed that the sum does not show. */
export const oddOf = ({ measure }: Conserve, share: RawBuilder<unknown>): RawBuilder<unknown> =>
  measure === "sum" ? sql`count(*) filter (where not ${isFinite(share)})` : sql`0::bigint`;
